import { skipsWithout } from 'holdfast-lab'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Entry, Filesystem } from '../src/filesystem.js'
import { openXfs } from '../src/xfs/xfs.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { toArray } from './support/to-array.js'
import { walkAll } from './support/walk-files.js'
import { makeXfs, type ProtoNode, type ProtoTree } from './support/xfs-images.js'

const longTarget = `${'long-target/'.repeat(80)}end`
const sizes = [0, 1, 511, 512, 513, 4096, 5000, 300_001]

/** Directories of each form, whatever the size of blocks: in the inode, in one block, with one index, with a tree of them. */
const counts = { none: 0, few: 3, block: 12, leaf: 120, node: 1200 }

/** Long links of version 5 are in the volumes that the kernel made: mkfs.xfs leaves their headers out. */
const longLink: ProtoTree = { 'long-link': { kind: 'symlink', target: longTarget } }

const tree: ProtoTree = {
  ...Object.fromEntries(sizes.map((size) => [`size-${size}`, { kind: 'file', content: content(size) } as const])),
  'short-link': { kind: 'symlink', target: 'short/target' },
  Device: { kind: 'device', major: 5, minor: 3 },
  ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, directory(count)])),
}

const variants: Readonly<Record<string, readonly string[]>> = {
  'version 5': ['-m', 'crc=1'],
  'version 5 without newer features': [
    '-m',
    'crc=1,finobt=0,reflink=0,rmapbt=0,bigtime=0,inobtcount=0',
    '-i',
    'sparse=0',
  ],
  'version 5, blocks of 1 KiB, directory blocks of 8 KiB': ['-b', 'size=1024', '-n', 'size=8192'],
  'version 5, large inodes, large extent counts, blocks of 16 KiB': ['-i', 'size=2048,nrext64=1', '-b', 'size=16384'],
  'version 4': ['-m', 'crc=0'],
  'version 4, no file types, blocks of 512 bytes': ['-m', 'crc=0', '-b', 'size=512', '-n', 'ftype=0', '-i', 'size=256'],
  'version 4, directory blocks of 64 KiB, attributes of old': [
    '-m',
    'crc=0',
    '-n',
    'size=65536',
    '-i',
    'attr=1,projid32bit=0',
  ],
}

const describeXfs = describe.skipIf(skipsWithout('xfsprogs'))

describeXfs.each(Object.entries(variants))('XFS as mkfs.xfs makes it: %s', (name, mkfs) => {
  const entries = name.startsWith('version 4') ? { ...tree, ...longLink } : tree
  let filesystem: Filesystem
  let found: ReadonlyMap<string, Entry>

  beforeAll(async () => {
    filesystem = await openXfs(
      memorySource(makeXfs({ mkfs, tree: entries, sizeMib: mkfs.includes('size=16384') ? 120 : 36 })),
      unaborted,
    )
    found = await walkAll(filesystem, unaborted)
  }, 120_000)

  it('lists every name, in directories of every form', () => {
    const expected = [
      ...Object.keys(entries).map((entry) => `/${entry}`),
      ...Object.entries(counts).flatMap(([folder, count]) => names(count).map((entry) => `/${folder}/${entry}`)),
    ]
    expect([...found.keys()].toSorted()).toEqual(expected.toSorted())
  })

  it('says what they are', () => {
    expect(found.get('/size-5000')).toMatchObject({
      type: 'file',
      sizeBytes: 5000,
      metadata: { mode: 0o640, uid: 1000, gid: 2000, links: 1 },
    })
    expect(found.get('/node')).toMatchObject({
      type: 'directory',
      metadata: { mode: 0o750, uid: 10, gid: 20, links: 2 },
    })
    expect(found.get('/Device')).toMatchObject({ type: 'char-device', metadata: { device: { major: 5, minor: 3 } } })
    expect(filesystem.root.metadata.links).toBe(2 + Object.keys(counts).length)
  })

  it('reads every file', async () => {
    for (const size of sizes) {
      const file = await filesystem.open(await filesystem.find(`/size-${size}`, unaborted), unaborted)
      const bytes = new Uint8Array(file.sizeBytes).fill(1)
      await file.read(0, bytes, unaborted)
      expect(Buffer.from(bytes).equals(content(size))).toBe(true)
      expect(await toArray(file.dataRanges(unaborted))).toEqual(size === 0 ? [] : [{ offset: 0, length: size }])
    }
  })

  it('reads where links lead', async () => {
    expect(await filesystem.readLink(found.get('/short-link')!, unaborted)).toBe('short/target')
    const long = found.get('/long-link')
    expect(long === undefined).toBe(name.startsWith('version 5'))
    if (long !== undefined) expect(await filesystem.readLink(long, unaborted)).toBe(longTarget)
  })

  it('refuses what an entry is not', async () => {
    await expect(filesystem.open(found.get('/Device')!, unaborted)).rejects.toMatchObject({ code: 'not-a-file' })
    await expect(filesystem.readLink(found.get('/node')!, unaborted)).rejects.toMatchObject({ code: 'not-a-symlink' })
    await expect(toArray(filesystem.list(found.get('/size-1')!, unaborted))).rejects.toMatchObject({
      code: 'not-a-directory',
    })
    await expect(filesystem.find('/device', unaborted)).rejects.toMatchObject({ code: 'not-found' })
  })
})

describeXfs('XFS of version 4', () => {
  it('ignores case where the volume does', async () => {
    const bytes = makeXfs({ mkfs: ['-m', 'crc=0', '-n', 'version=ci'], tree: { Mixed: directory(2) } })
    const filesystem = await openXfs(memorySource(bytes), unaborted)
    expect((await filesystem.find('/mIXED/ENTRY-1', unaborted)).path).toBe('/Mixed/entry-1')
  })
})

function directory(count: number): ProtoNode {
  return {
    kind: 'directory',
    entries: Object.fromEntries(names(count).map((name) => [name, { kind: 'device', major: 1, minor: 3 } as const])),
  }
}

function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `entry-${index}${index % 10 === 9 ? 'n'.repeat(index % 200) : ''}`)
}

function content(size: number): Buffer {
  return Buffer.from(`file of ${size} bytes\n`.repeat(Math.ceil(size / 10)).slice(0, size))
}
