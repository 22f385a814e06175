import { describe, expect, it } from 'vitest'
import { fields } from '../src/bytes/fields.js'
import { volumeReader } from '../src/bytes/volume-reader.js'
import { leafAttributes, shortformAttributes } from '../src/xfs/attribute-leaf.js'
import { structureChecksum } from '../src/xfs/checksum.js'
import { decodeExtent } from '../src/xfs/extent-record.js'
import { forkExtents } from '../src/xfs/fork-extents.js'
import { decodeInode, type Fork } from '../src/xfs/inode.js'
import { linuxAcl } from '../src/xfs/posix-acl.js'
import { shortformRecords } from '../src/xfs/shortform-directory.js'
import { decodeSuperblock, type Superblock } from '../src/xfs/superblock.js'
import { xfsVolume } from '../src/xfs/volume.js'
import { openXfs } from '../src/xfs/xfs.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { toArray } from './support/to-array.js'
import { walkAll } from './support/walk-files.js'
import { xfsImage } from './support/xfs-fixtures.js'

const superblockOf = (image: Uint8Array) => decodeSuperblock(image.subarray(0, 512))

/** The superblock of a volume with some fields changed and its checksum right. */
function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = Uint8Array.from(xfsImage('varied').subarray(0, 512))
  const view = new DataView(bytes.buffer)
  change(view)
  view.setUint32(224, structureChecksum(bytes, 224), true)
  return bytes
}

describe('the superblock of XFS', () => {
  it('says what the volume is', () => {
    expect(superblockOf(xfsImage('varied'))).toMatchObject({
      version: 5,
      blockBytes: 1024,
      agCount: 2,
      hasFileTypes: true,
      needsRepair: false,
    })
  })

  it.each([
    [0x100, 'metadir'],
    [0x200, 'zoned'],
    [0x8000, '0x8000'],
    [0x8000_0000, '0x80000000'],
  ])('refuses the feature %i by name', (bit, name) => {
    const bytes = changed((view) => view.setUint32(216, view.getUint32(216) | bit))
    expect(() => decodeSuperblock(bytes)).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringContaining(name) }),
    )
  })

  it('takes features that change nothing for a reader, and tells that a repair is due', () => {
    const bytes = changed((view) => view.setUint32(216, view.getUint32(216) | 0xd0))
    expect(decodeSuperblock(bytes).needsRepair).toBe(true)
  })

  it.each([
    ['blocks of no power of two', (view: DataView) => view.setUint32(4, 1000)],
    ['inodes larger than blocks', (view: DataView) => view.setUint16(104, 2048)],
    ['another logarithm of its blocks', (view: DataView) => view.setUint8(120, 12)],
    ['another logarithm of inodes in a block', (view: DataView) => view.setUint8(123, 3)],
    ['groups that do not fit their bits', (view: DataView) => view.setUint8(124, 3)],
    ['more blocks than groups have', (view: DataView) => view.setBigUint64(8, 2n ** 40n)],
    ['fewer blocks than its groups begin', (view: DataView) => view.setBigUint64(8, 10n)],
    ['huge directory blocks', (view: DataView) => view.setUint8(192, 7)],
    ['that mkfs.xfs had not finished', (view: DataView) => view.setUint8(126, 1)],
  ])('that claims %s is damaged', (_what, change) => {
    expect(() => decodeSuperblock(changed(change))).toThrow(expect.objectContaining({ code: 'damaged' }))
  })

  it('is refused with a wrong checksum, as a version that is not known, and with directories of version 1', () => {
    const flipped = changed(() => undefined)
    flipped[300] = 1
    expect(() => decodeSuperblock(flipped)).toThrow(expect.objectContaining({ code: 'damaged' }))
    for (const version of [3, 6, 4])
      expect(() => decodeSuperblock(changed((view) => view.setUint16(100, version)))).toThrow(
        expect.objectContaining({ code: 'unsupported' }),
      )
  })
})

describe('opening XFS', () => {
  it('refuses what is none, and what is cut', async () => {
    for (const bytes of [new Uint8Array(100), new Uint8Array(10_000)])
      await expect(openXfs(memorySource(bytes), unaborted)).rejects.toMatchObject({ code: 'unrecognised' })
    const cut = xfsImage('varied').subarray(0, 20 * 2 ** 20)
    await expect(openXfs(memorySource(cut), unaborted)).rejects.toMatchObject({ code: 'damaged' })
  })

  it('notes a log that was not replayed, and reads what is there', async () => {
    const filesystem = await openXfs(memorySource(xfsImage('dirty')), unaborted)
    expect(filesystem.notes).toEqual([expect.stringContaining('log')])
    const names = [...(await walkAll(filesystem, unaborted)).keys()]
    expect(names).toContain('/Small 39')
    expect(names).not.toContain('/late')
  })

  it('rejects with the reason of an abort, and with the cause of what cannot be read', async () => {
    const bytes = xfsImage('varied')
    const aborted = AbortSignal.abort(new Error('enough'))
    await expect(openXfs(memorySource(bytes), { signal: aborted })).rejects.toThrow('enough')
    const failing = { sizeBytes: bytes.byteLength, read: () => Promise.reject(new Error('cable')) }
    await expect(openXfs(failing, unaborted)).rejects.toMatchObject({ code: 'read', cause: { message: 'cable' } })
    const filesystem = await openXfs(memorySource(bytes), unaborted)
    await expect(toArray(filesystem.list(filesystem.root, { signal: aborted }))).rejects.toThrow('enough')
  })

  it('lists an entry whose inode is damaged, and says so when it is used', async () => {
    const bytes = Uint8Array.from(xfsImage('varied'))
    const whole = await openXfs(memorySource(bytes), unaborted)
    const { inode = 0 } = (await whole.find('plain', unaborted)).metadata
    const before = (await toArray(whole.list(whole.root, unaborted))).length
    const { inodeBits, inodeBytes, blockBytes } = superblockOf(bytes)
    const at = Math.floor(inode / 2 ** inodeBits) * blockBytes + (inode % 2 ** inodeBits) * inodeBytes
    bytes[at + 60] = (bytes[at + 60] ?? 0) ^ 1
    const filesystem = await openXfs(memorySource(bytes), unaborted)
    expect((await toArray(filesystem.list(filesystem.root, unaborted))).length).toBe(before)
    const entry = (await walkAll(filesystem, unaborted)).get('/plain')!
    expect(entry).toMatchObject({ type: 'other', metadata: { inode }, problem: { code: 'damaged', inode } })
    for (const use of [filesystem.open(entry, unaborted), filesystem.find('plain', unaborted)])
      await expect(use).rejects.toMatchObject({ code: 'damaged', inode })
  })

  it('asks the source in large parts, and not twice', async () => {
    const source = memorySource(xfsImage('varied'))
    const filesystem = await openXfs(source, unaborted)
    await walkAll(filesystem, unaborted)
    const calls = source.calls()
    expect(calls).toBeLessThan(40)
    await walkAll(filesystem, unaborted)
    expect(source.calls()).toBe(calls)
  })
})

describe('extents of XFS', () => {
  it('are decoded from 128 bits', () => {
    const record = new DataView(new ArrayBuffer(16))
    const [start, block, count] = [2n ** 40n + 5n, 2n ** 45n + 7n, 2n ** 20n + 3n]
    record.setBigUint64(0, (1n << 63n) | (start << 9n) | (block >> 43n))
    record.setBigUint64(8, BigInt.asUintN(64, (block << 21n) | count))
    expect(decodeExtent(fields(new Uint8Array(record.buffer), 'big', 'a record'), 0)).toEqual({
      isUnwritten: true,
      start: Number(start),
      block: Number(block),
      count: Number(count),
    })
  })

  const blockBytes = 512
  const blocks = 64
  const geometry: Superblock = {
    ...superblockOf(xfsImage('varied')),
    version: 4,
    blockBytes,
    blocks,
    agBlocks: 32,
    agCount: 2,
    agBlockBits: 5,
  }
  const nodeAt = (bytes: Uint8Array, block: number, level: number, records: readonly (readonly [bigint, bigint])[]) => {
    const view = new DataView(bytes.buffer, block * blockBytes, blockBytes)
    view.setUint32(0, 0x424d_4150)
    view.setUint16(4, level)
    view.setUint16(6, records.length)
    records.forEach(([first, second], index) => {
      const [a, b] = level === 0 ? [24 + index * 16, 32 + index * 16] : [24 + index * 8, 24 + 30 * 8 + index * 8]
      view.setBigUint64(a, first)
      view.setBigUint64(b, second)
    })
  }
  const record = (start: number, block: number, count: number) =>
    [BigInt(start) << 9n, (BigInt(block) << 21n) | BigInt(count)] as const
  const root = (level: number, pointers: readonly (readonly [number, number])[]): Fork => {
    const bytes = new Uint8Array(100)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, level)
    view.setUint16(2, pointers.length)
    pointers.forEach(([key, block], index) => {
      view.setBigUint64(4 + index * 8, BigInt(key))
      view.setBigUint64(4 + 6 * 8 + index * 8, BigInt(block))
    })
    return { format: 'tree', bytes, extentCount: 0 }
  }
  const extentsOf = async (bytes: Uint8Array, fork: Fork, start = 0, end = 1000) => {
    const volume = xfsVolume(volumeReader(memorySource(bytes)), geometry)
    const found = await toArray(forkExtents(volume, fork, { inode: 9, range: { start, end } }, unaborted))
    return found.map((extent) => [extent.start, extent.block, extent.count])
  }

  it('are found in a tree of version 4, of any range', async () => {
    const bytes = new Uint8Array(blocks * blockBytes)
    nodeAt(bytes, 3, 1, [
      [0n, 4n],
      [100n, 5n],
    ])
    nodeAt(bytes, 4, 0, [record(0, 10, 2), record(50, 12, 1)])
    nodeAt(bytes, 5, 0, [record(100, 40, 3)])
    const fork = root(2, [[0, 3]])
    expect(await extentsOf(bytes, fork)).toEqual([
      [0, 10, 2],
      [50, 12, 1],
      [100, 40, 3],
    ])
    expect(await extentsOf(bytes, fork, 50, 100)).toEqual([[50, 12, 1]])
    // What is before the range is not even read.
    bytes.fill(0, 4 * blockBytes, 5 * blockBytes)
    expect(await extentsOf(bytes, fork, 102, 103)).toEqual([[100, 40, 3]])
  })

  it.each([
    ['leads to itself', (bytes: Uint8Array) => nodeAt(bytes, 3, 1, [[0n, 3n]])],
    [
      'leads to a node twice',
      (bytes: Uint8Array) =>
        nodeAt(bytes, 3, 1, [
          [0n, 4n],
          [100n, 4n],
        ]),
    ],
    ['has an empty leaf', (bytes: Uint8Array) => nodeAt(bytes, 4, 0, [])],
    ['has extents that overlap', (bytes: Uint8Array) => nodeAt(bytes, 4, 0, [record(0, 10, 5), record(4, 20, 1)])],
    ['has an empty extent', (bytes: Uint8Array) => nodeAt(bytes, 4, 0, [record(0, 10, 0)])],
    ['reaches over the end of a group', (bytes: Uint8Array) => nodeAt(bytes, 4, 0, [record(0, 31, 2)])],
    ['reaches a group that is not there', (bytes: Uint8Array) => nodeAt(bytes, 4, 0, [record(0, 64, 1)])],
    ['has an extent beyond any size', (bytes: Uint8Array) => nodeAt(bytes, 4, 0, [record(2 ** 46, 10, 1)])],
    ['leads to something else', (bytes: Uint8Array) => bytes.fill(0, 4 * blockBytes, 5 * blockBytes)],
  ])('of a tree that %s are damaged', async (_what, damage) => {
    const bytes = new Uint8Array(blocks * blockBytes)
    nodeAt(bytes, 3, 1, [[0n, 4n]])
    nodeAt(bytes, 4, 0, [record(0, 10, 2)])
    damage(bytes)
    await expect(extentsOf(bytes, root(2, [[0, 3]]), 0, 2 ** 50)).rejects.toMatchObject({ code: 'damaged', inode: 9 })
  })

  it('in an inode that claims more than it holds are damaged', async () => {
    const fork: Fork = { format: 'extents', bytes: new Uint8Array(32), extentCount: 3 }
    await expect(extentsOf(new Uint8Array(blocks * blockBytes), fork)).rejects.toMatchObject({ code: 'damaged' })
  })
})

describe('inodes of XFS', () => {
  const old = () => {
    const view = new DataView(new ArrayBuffer(256))
    view.setUint16(0, 0x494e)
    view.setUint16(2, 0o100644)
    view.setUint8(4, 1)
    view.setUint16(6, 3)
    view.setUint8(5, 2)
    view.setInt32(40, -10)
    view.setUint32(44, 500_000_000)
    return view
  }
  const decoded = (view: DataView) => decodeInode(new Uint8Array(view.buffer), 7, { version: 4, offset: 0 })

  it('of version 1 count links in other bytes, and times begin before 1970', () => {
    expect(decoded(old())).toMatchObject({ type: 'file', metadata: { links: 3, modifiedAt: new Date(-9500) } })
  })

  it.each([
    ['are free', (view: DataView) => view.setUint16(2, 0)],
    ['are of no type', (view: DataView) => view.setUint16(2, 0o070644)],
    ['are of a newer version than their volume', (view: DataView) => view.setUint8(4, 3)],
    ['have a fork of another format', (view: DataView) => view.setUint8(5, 4)],
    ['divide their forks behind their end', (view: DataView) => view.setUint8(82, 200)],
    ['have an absurd size', (view: DataView) => view.setBigUint64(56, 2n ** 62n)],
  ])('that %s are damaged', (_what, change) => {
    const view = old()
    change(view)
    expect(() => decoded(view)).toThrow(expect.objectContaining({ code: 'damaged', inode: 7 }))
  })
})

describe('directories of XFS in inodes', () => {
  const options = { inode: 7, hasFileTypes: true }

  it('have numbers of four or of eight bytes', () => {
    const short = Uint8Array.of(1, 0, 0, 0, 0, 7, 1, 0, 0, 97, 1, 0, 0, 1, 2)
    expect([...shortformRecords(short, options)]).toEqual([{ name: 'a', inode: 258 }])
    const long = Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0, 0, 7, 1, 0, 0, 97, 1, 0, 0, 0, 1, 0, 0, 0, 2)
    expect([...shortformRecords(long, options)]).toEqual([{ name: 'a', inode: 2 ** 32 + 2 }])
  })

  it('that end too soon, or have names of nothing, are damaged', () => {
    for (const bytes of [
      [2, 0, 0, 0, 0, 7, 1, 0, 0, 97, 1, 0, 0, 1, 2],
      [1, 0, 0, 0, 0, 7, 0, 0, 0, 97, 1, 0, 0, 1, 2],
    ])
      expect(() => [...shortformRecords(Uint8Array.from(bytes), options)]).toThrow(
        expect.objectContaining({ code: 'damaged', inode: 7 }),
      )
  })
})

describe('POSIX ACLs of XFS', () => {
  it('are given as Linux gives them, with ids for named users and groups only', () => {
    const stored = new DataView(new ArrayBuffer(28))
    stored.setUint32(0, 2)
    stored.setUint32(4, 1)
    stored.setUint16(12, 6)
    stored.setUint32(16, 2)
    stored.setUint32(20, 1234)
    stored.setUint16(24, 4)
    const acl = linuxAcl(new Uint8Array(stored.buffer), {})
    expect([...acl]).toEqual([2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 210, 4, 0, 0])
    stored.setUint32(0, 3)
    expect(() => linuxAcl(new Uint8Array(stored.buffer), {})).toThrow(expect.objectContaining({ code: 'damaged' }))
  })
})

describe('extended attributes of XFS', () => {
  it('are decoded from a leaf of version 4', () => {
    const bytes = new Uint8Array(512)
    const view = new DataView(bytes.buffer)
    view.setUint16(8, 0xfbee)
    view.setUint16(12, 4)
    const flagsOf = [0x1, 0x4, 0x81, 0x9]
    flagsOf.forEach((flag, index) => {
      view.setUint16(32 + index * 8 + 4, 300 + index * 20)
      view.setUint8(32 + index * 8 + 6, flag)
    })
    for (const at of [300, 340, 360]) {
      view.setUint16(at, 3)
      view.setUint8(at + 2, 2)
      bytes.set(Buffer.from('abval'), at + 3)
    }
    view.setUint32(320, 5)
    view.setUint32(324, 9000)
    view.setUint8(328, 2)
    bytes.set(Buffer.from('cd'), 329)
    expect([...leafAttributes(bytes, 4, {})]).toEqual([
      { name: 'user.ab', value: Uint8Array.from(Buffer.from('val')) },
      { name: 'security.cd', value: { block: 5, length: 9000 } },
    ])
  })

  it('that reach over their end are damaged', () => {
    const list = Uint8Array.of(0, 10, 1, 0, 3, 5, 0, 97, 98, 99)
    expect(() => [...shortformAttributes(list, {})]).toThrow(expect.objectContaining({ code: 'damaged' }))
    const leaf = new Uint8Array(512)
    leaf.set([0xff, 0xff], 12)
    expect(() => [...leafAttributes(leaf, 4, {})]).toThrow(expect.objectContaining({ code: 'damaged' }))
  })
})
