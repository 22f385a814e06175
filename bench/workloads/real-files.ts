import { createHash } from 'node:crypto'
import { constants, copyFileSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { blockBytes, mib } from './units.ts'

const sources = ['/usr/bin', '/usr/include', '/usr/lib', '/usr/local', '/usr/share']
const largestFileBytes = 300 * mib

/** Copies files of this machine's /usr into a folder until they would take `budgetBytes` on a disk; returns how much. */
export function copyRealFiles(folder: string, budgetBytes: number, seed: number): number {
  let left = budgetBytes
  for (const source of shuffledFolders(seed)) {
    for (const entry of readdirSync(source, { withFileTypes: true }).sort(byName)) {
      if (!entry.isFile()) continue
      const path = join(source, entry.name)
      const { size } = statSync(path)
      const taken = Math.ceil(size / blockBytes) * blockBytes
      if (size > largestFileBytes || taken > left) continue
      const copy = join(folder, path)
      mkdirSync(dirname(copy), { recursive: true })
      copyFileSync(path, copy, constants.COPYFILE_FICLONE)
      left -= taken
    }
    if (left < blockBytes) break
  }
  return budgetBytes - left
}

/** Lists all folders below the sources; those of one package-like subtree stay together, subtrees are shuffled. */
function shuffledFolders(seed: number): string[] {
  const folders = sources.flatMap((source) => [source, ...foldersBelow(source)])
  const subtree = (folder: string): string => folder.split('/').slice(0, 4).join('/')
  const keyed = folders.map((folder) => {
    const digest = createHash('md5')
      .update(`${seed}${subtree(folder)}`)
      .digest('hex')
    return { name: `${digest}${folder}`, folder }
  })
  return keyed.sort(byName).map(({ folder }) => folder)
}

function foldersBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      return [path, ...foldersBelow(path)]
    })
}

function byName(left: { readonly name: string }, right: { readonly name: string }): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0
}
