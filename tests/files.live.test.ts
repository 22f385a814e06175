import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { seededBytes } from '@holdfast/testkit/images'
import { programEnvironment, skipsWithout, tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const program = resolve(import.meta.dirname, '../packages/cli/bin/holdfast.js')
// mtools takes names for what the locale says they are.
const env = { ...programEnvironment(), NO_COLOR: '1', MTOOLS_SKIP_CHECK: '1' }
const mebibyte = 2 ** 20
const needs = ['e2fsprogs', 'xfsprogs', 'ntfs-3g', 'mtools', 'fdisk'] as const

describe.skipIf(skipsWithout(...needs))('files of a recovery point', () => {
  const { path: folder, at } = tempFolder(afterAll)
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { env, cwd: folder, stdio: 'pipe' })
  const holdfast = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      cwd: folder,
      env: { ...env, XDG_CACHE_HOME: at('cache') },
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }

  /** Two hundred files: empty ones, sparse ones, long names, folders below folders. */
  const makeTree = (root: string) => {
    mkdirSync(join(root, 'many'), { recursive: true })
    mkdirSync(join(root, 'a', 'b', 'c', 'd'), { recursive: true })
    writeFileSync(join(root, 'empty'), '')
    writeFileSync(join(root, `${'l'.repeat(240)}.long-name`), seededBytes(5000, 1))
    writeFileSync(join(root, 'naïve-文件'), seededBytes(70_000, 2))
    writeFileSync(join(root, 'a', 'b', 'c', 'd', 'deep'), seededBytes(1, 3))
    writeFileSync(join(root, 'sparse'), seededBytes(8192, 4))
    truncateSync(join(root, 'sparse'), 4 * mebibyte)
    writeFileSync(join(root, 'sparse-end'), seededBytes(1, 5), { flag: 'a' })
    for (let i = 0; i < 194; i++)
      writeFileSync(join(root, 'many', `file-${i}.bin`), seededBytes((i * 977) % 40_000, i + 10))
    for (const path of filesBelow(root)) utimesSync(join(root, path), 1_600_000_000, 1_600_000_000)
  }
  const filesBelow = (root: string): readonly string[] =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .sort()
  const digests = (root: string) =>
    new Map(
      filesBelow(root).map((path) => [
        path,
        createHash('sha256')
          .update(readFileSync(join(root, path)))
          .digest('hex'),
      ]),
    )

  const makers: Readonly<Record<string, (image: string) => void>> = {
    ext: (image) => {
      writeFileSync(image, '')
      truncateSync(image, 65 * mebibyte)
      execFileSync('sfdisk', ['-q', image], { env, input: 'label: gpt\nstart=2048,size=126976,name=root\n' })
      run('mke2fs', '-q', '-t', 'ext4', '-F', '-E', `offset=${mebibyte}`, '-d', at('tree'), image, '62M')
    },
    fat: (image) => {
      writeFileSync(image, '')
      truncateSync(image, 64 * mebibyte)
      run('mformat', '-i', image, '-F', '-T', String(64 * 2048), '-h', '64', '-s', '32', '::')
      for (const name of readdirSync(at('tree')).filter((name) => !lstatSync(at('tree', name)).isSymbolicLink()))
        run('mcopy', '-i', image, '-s', '-m', at('tree', name), '::')
    },
    ntfs: (image) => {
      writeFileSync(image, '')
      truncateSync(image, 64 * mebibyte)
      run('mkntfs', '-q', '-F', '-f', image)
      for (const path of filesBelow(at('tree')).filter((path) => !path.includes('/')))
        run('ntfscp', '-f', image, at('tree', path), path)
      for (const path of filesBelow(at('tree')).filter((path) => path.includes('/')))
        run('ntfscp', '-f', image, at('tree', path), path.replaceAll('/', '-'))
    },
    xfs: (image) => {
      writeFileSync(image, '')
      truncateSync(image, 320 * mebibyte)
      const lines = ['/stub', '0 0', 'd--755 0 0']
      const add = (root: string) => {
        for (const entry of readdirSync(root, { withFileTypes: true })) {
          const path = join(root, entry.name)
          if (entry.isFile()) lines.push(`${entry.name} ---644 7 8 ${path}`)
          if (entry.isSymbolicLink()) lines.push(`${entry.name} l--777 0 0 ${readlinkSync(path)}`)
          if (!entry.isDirectory()) continue
          lines.push(`${entry.name} d--750 7 8`)
          add(path)
          lines.push('$')
        }
      }
      add(at('tree'))
      lines.push('$')
      writeFileSync(at('proto'), `${lines.join('\n')}\n`)
      run('mkfs.xfs', '-q', '-f', '-p', at('proto'), image)
    },
  }

  beforeAll(() => {
    makeTree(at('tree'))
    symlinkSync('../../etc/passwd', at('tree', 'link'))
    mkdirSync(at('machines', 'guest'), { recursive: true })
    for (const [name, make] of Object.entries(makers)) make(at('machines', 'guest', `${name}.raw`))
    symlinkSync(join(import.meta.dirname, 'node_modules'), at('node_modules'))
    writeFileSync(
      at('holdfast.yaml'),
      `targets:
  vault: { use: '@holdfast/target-disk', with: { path: ./vault } }
pipelines:
  nightly:
    source: { use: '@holdfast/source-image', with: { path: ./machines } }
    transforms: [{ use: '@holdfast/transform-zstd' }]
    targets: [vault]
`,
    )
    for (const command of ['init', 'run']) expect(holdfast(command)).toMatchObject({ status: 0, stderr: '' })
  }, 120_000)

  it('begin with the volumes of its disks', () => {
    const { status, stdout } = holdfast('files', 'ls', 'guest@latest')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ext\/1 +ext +62 MiB +root$/m)
    expect(stdout).toMatch(/^fat +fat /m)
    expect(stdout).toMatch(/^ntfs +ntfs /m)
    expect(stdout).toMatch(/^xfs +xfs /m)
  })

  it.each(Object.keys(makers))('are those of the guest, byte for byte, on %s', (name) => {
    const expected = digests(at('tree'))
    expect(expected.size).toBe(200)
    const { status, stdout, stderr } = holdfast('files', 'get', 'guest@latest', `${name}:/`, '--to', at('out'))
    process.stdout.write(`${name}: ${stdout}`)
    // What has no time zone says so.
    const notes = name === 'fat' ? [expect.stringContaining('without a time zone')] : ['']
    expect([status, stderr]).toEqual([0, ...notes])
    const copied = digests(at('out', name))
    // ntfscp makes no folders.
    const placed = (path: string) => (name === 'ntfs' ? path.replaceAll('/', '-') : path)
    const inPlace = [...expected].filter(([path, digest]) => copied.get(placed(path)) === digest)
    expect(inPlace.length).toBe(200)
    const { size, blocks } = statSync(at('out', name, 'sparse'))
    expect(size).toBe(4 * mebibyte)
    if (name === 'ext') expect(blocks * 512).toBeLessThan(64 * 1024)
    if (name !== 'fat' && name !== 'ntfs') {
      expect(readlinkSync(at('out', name, 'link'))).toBe('../../etc/passwd')
      expect(statSync(at('out', name, 'empty')).mode & 0o777).toBe(0o644)
    }
    if (name === 'ext') expect(statSync(at('out', name, 'empty')).mtimeMs).toBe(1_600_000_000_000)
    if (name === 'xfs' && process.getuid?.() === 0) expect(statSync(at('out', name, 'many')).uid).toBe(7)
  })

  it('are listed as ls does, with where links lead', () => {
    const { status, stdout } = holdfast('files', 'ls', 'guest@latest', 'ext:/')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^-rw-r--r-- +0:0 +0 +2020-09-13 12:26:40 +empty$/m)
    expect(stdout).toMatch(/^l\S+ .* link -> \.\.\/\.\.\/etc\/passwd$/m)
    expect(stdout).toMatch(/^d\S+ .* many\/$/m)
    const entries: unknown = JSON.parse(holdfast('--json', 'files', 'ls', 'guest@latest', 'ext/1:/a/b').stdout)
    expect(entries).toEqual([expect.objectContaining({ path: '/a/b/c', type: 'directory' })])
  })

  it('are taken one by one, and nothing existing is overwritten', () => {
    const get = () => holdfast('files', 'get', 'guest@latest', 'xfs:/a/b/c/d/deep', '--to', at('one'))
    expect(get().status).toBe(0)
    expect(readFileSync(at('one', 'deep'))).toEqual(readFileSync(at('tree', 'a', 'b', 'c', 'd', 'deep')))
    const again = get()
    expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('E_PLACEMENT')])
    expect(readdirSync(at('one'))).toEqual(['deep'])
  })

  it('are asked for clearly', () => {
    const refused = (...args: string[]) => {
      const { status, stderr } = holdfast('files', ...args)
      return [status, stderr]
    }
    expect(refused('ls', 'guest@latest', 'hda:/')).toEqual([
      2,
      expect.stringContaining('its disks: ext, fat, ntfs, xfs'),
    ])
    expect(refused('ls', 'guest@latest', 'ext/7:/')).toEqual([2, expect.stringContaining('ext/1 (ext, 62 MiB)')])
    expect(refused('ls', 'guest@latest', 'ext:/nowhere')).toEqual([2, expect.stringMatching(/nowhere/)])
    expect(refused('get', 'guest@latest', 'ext', '--to', at('two'))).toEqual([
      2,
      expect.stringContaining('A path is missing'),
    ])
    expect(existsSync(at('two'))).toBe(false)
  })
})
