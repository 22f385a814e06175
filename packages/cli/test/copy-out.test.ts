import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Entry, type Filesystem, FilesystemError } from '@holdfast/filesystems'
import { tempFolder } from 'holdfast-lab'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { copyOut } from '../src/guest-files/copy-out.js'

const signal = new AbortController().signal

/** A file system as hostile as a test wants it: names may come twice, and links lead anywhere. */
interface Node {
  readonly name: string
  readonly type: Entry['type']
  readonly content?: string
  readonly target?: string
  readonly children?: readonly Node[]
  readonly metadata?: Entry['metadata']
  readonly problem?: FilesystemError
  readonly holeBytes?: number
}

function filesystemOf(root: Node): Filesystem {
  const nodes = new Map<Entry, Node>()
  const entryOf = (node: Node, parent: string): Entry => {
    const entry: Entry = {
      path: `${parent}/${node.name}`.replace(/^\/\//, '/'),
      name: node.name,
      type: node.type,
      sizeBytes: (node.holeBytes ?? 0) + (node.content?.length ?? 0),
      metadata: node.metadata ?? {},
      ...(node.problem !== undefined && { problem: node.problem }),
    }
    nodes.set(entry, node)
    return entry
  }
  const nodeOf = (entry: Entry): Node => nodes.get(entry) ?? root
  return {
    kind: 'ext',
    sizeBytes: 0,
    notes: [],
    root: entryOf(root, ''),
    list: async function* (directory) {
      for (const child of nodeOf(directory).children ?? []) yield entryOf(child, directory.path)
    },
    find: async () => Promise.reject(new FilesystemError('not-found', 'no')),
    readLink: async (link) => nodeOf(link).target ?? '',
    open: async (file) => {
      const { content = '', holeBytes = 0 } = nodeOf(file)
      return {
        sizeBytes: file.sizeBytes,
        dataRanges: async function* () {
          if (content !== '') yield { offset: holeBytes, length: content.length }
        },
        read: async (offset, into) => {
          into.set(new TextEncoder().encode(content).subarray(offset - holeBytes, offset - holeBytes + into.byteLength))
        },
      }
    },
  }
}

describe('copying out of a guest', () => {
  let folder: string
  beforeEach(() => {
    folder = tempFolder(onTestFinished).path
  })
  const copy = (...children: readonly Node[]) => {
    const filesystem = filesystemOf({ name: '', type: 'directory', children })
    return copyOut(filesystem, filesystem.root, join(folder, 'out'), 'disk', { signal })
  }
  const at = (...names: string[]) => join(folder, 'out', 'disk', ...names)

  it('writes nothing through links that the guest laid', async () => {
    const outside = join(folder, 'outside')
    mkdirSync(outside)
    const { problems } = await copy(
      { name: 'trap', type: 'symlink', target: outside },
      { name: 'trap', type: 'directory', children: [{ name: 'evil', type: 'file', content: 'evil' }] },
      { name: 'file', type: 'symlink', target: join(outside, 'file') },
      { name: 'file', type: 'file', content: 'evil' },
      { name: 'after', type: 'file', content: 'good' },
    )
    expect(readdirSync(outside)).toEqual([])
    expect(readlinkSync(at('trap'))).toBe(outside)
    expect(readFileSync(at('after'), 'utf8')).toBe('good')
    expect(problems.map(({ path }) => path)).toEqual(['/trap', '/file'])
  })

  it('goes on after what is damaged or cannot be copied, and tells it', async () => {
    const problem = new FilesystemError('damaged', 'its inode is nonsense')
    const copied = await copy(
      { name: 'bad', type: 'other', problem },
      { name: 'tty', type: 'char-device' },
      { name: 'x'.repeat(300), type: 'file', content: 'too long a name' },
      { name: 'good', type: 'file', content: 'good' },
    )
    expect(copied).toMatchObject({ files: 1, problemCount: 3 })
    expect(copied.problems).toEqual([
      { path: '/bad', problem: 'its inode is nonsense' },
      { path: '/tty', problem: 'it is a char-device, which is not copied' },
      { path: `/${'x'.repeat(300)}`, problem: 'its name is too long' },
    ])
    expect(readdirSync(at())).toEqual(['good'])
  })

  it('keeps holes, hard links, modes and times', async () => {
    const metadata = { inode: 7, links: 2, mode: 0o640, modifiedAt: new Date(1_600_000_000_000) }
    await copy(
      { name: 'one', type: 'file', content: 'end', holeBytes: 2 ** 30, metadata },
      { name: 'two', type: 'file', content: 'end', holeBytes: 2 ** 30, metadata },
      {
        name: 'dir',
        type: 'directory',
        metadata: { mode: 0o500, modifiedAt: new Date(1_500_000_000_000) },
        children: [{ name: 'in', type: 'file' }],
      },
    )
    const one = statSync(at('one'))
    expect([one.size, one.blocks < 100, one.mode & 0o777, one.mtimeMs, one.nlink]).toEqual([
      2 ** 30 + 3,
      true,
      0o640,
      1_600_000_000_000,
      2,
    ])
    expect(statSync(at('two')).ino).toBe(one.ino)
    expect([statSync(at('dir')).mode & 0o777, statSync(at('dir')).mtimeMs]).toEqual([0o500, 1_500_000_000_000])
  })

  it('gives no set-id bits where it cannot give the owner', async () => {
    await copy({ name: 'su', type: 'file', metadata: { mode: 0o4755 } })
    expect(lstatSync(at('su')).mode & 0o7777).toBe(0o755)
  })

  it('overwrites nothing, and leaves nothing when it is stopped', async () => {
    await copy({ name: 'good', type: 'file' })
    await expect(copy({ name: 'other', type: 'file' })).rejects.toMatchObject({ code: 'E_PLACEMENT' })
    expect(readdirSync(at())).toEqual(['good'])
    const abort = new AbortController()
    const filesystem = filesystemOf({
      name: '',
      type: 'directory',
      children: [
        { name: 'a', type: 'file', content: 'a' },
        { name: 'b', type: 'file', content: 'b' },
      ],
    })
    const onFile = () => abort.abort(new Error('enough'))
    const stopped = copyOut(filesystem, filesystem.root, folder, 'stopped', { signal: abort.signal, onFile })
    await expect(stopped).rejects.toThrow('enough')
    expect(existsSync(join(folder, 'stopped'))).toBe(false)
    expect(readdirSync(folder)).toEqual(['out'])
  })
})
