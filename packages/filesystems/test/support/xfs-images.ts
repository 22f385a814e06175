import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { programEnvironment, run, tempFolder } from 'holdfast-lab'

/** What a volume is filled with. */
export type ProtoNode =
  | { readonly kind: 'file'; readonly content: Uint8Array }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'device'; readonly major: number; readonly minor: number }
  | { readonly kind: 'directory'; readonly entries: ProtoTree }

/** Nodes by their names, which are without spaces. */
export type ProtoTree = Readonly<Record<string, ProtoNode>>

/** How a volume is made. */
export interface XfsRecipe {
  readonly mkfs: readonly string[]
  /** @defaultValue 36 */
  readonly sizeMib?: number
  readonly tree: ProtoTree
}

/** Makes a volume by mkfs.xfs alone, without mounting it. */
export function makeXfs({ mkfs, tree, sizeMib = 36 }: XfsRecipe): Uint8Array {
  using folder = tempFolder()
  const image = folder.at('image')
  const proto = folder.at('proto')
  writeFileSync(proto, ['boot', '0 0', 'd--755 0 0', ...protoLines(folder.path, tree), '$', ''].join('\n'))
  run('truncate', '-s', `${sizeMib}M`, image)
  // Volumes of less than 300 MB are made for tests only.
  const forTests = { ...programEnvironment(), TEST_DIR: folder.path, TEST_DEV: image, QA_CHECK_FS: 'yes' }
  execFileSync('mkfs.xfs', ['-q', '-d', 'agcount=2', ...mkfs, '-p', proto, image], { env: forTests, stdio: 'pipe' })
  run('xfs_repair', '-n', image)
  return readFileSync(image)
}

/** Lines as the prototype file wants them; the content of files is put beside it. */
function protoLines(folder: string, tree: ProtoTree): readonly string[] {
  return Object.entries(tree).flatMap(([name, node]) => {
    if (node.kind === 'directory') return [`${name} d--750 10 20`, ...protoLines(folder, node.entries), '$']
    if (node.kind === 'symlink') return [`${name} l--777 0 0 ${node.target}`]
    if (node.kind === 'device') return [`${name} c--600 0 0 ${node.major} ${node.minor}`]
    const file = join(mkdtempSync(join(folder, 'content-')), 'file')
    writeFileSync(file, node.content)
    return [`${name} ---640 1000 2000 ${file}`]
  })
}
