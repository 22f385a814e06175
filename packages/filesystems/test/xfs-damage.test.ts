import { beforeAll, describe, expect, it } from 'vitest'
import { volumeReader } from '../src/bytes/volume-reader.js'
import type { Filesystem } from '../src/filesystem.js'
import { isFilesystemError } from '../src/filesystem-error.js'
import { directoryRecords } from '../src/xfs/directory.js'
import type { Inode } from '../src/xfs/inode.js'
import { readLogState } from '../src/xfs/log-state.js'
import { decodeSuperblock, type Superblock } from '../src/xfs/superblock.js'
import { xfsVolume } from '../src/xfs/volume.js'
import { openXfs } from '../src/xfs/xfs.js'
import { memorySource, unaborted } from './support/memory-source.js'
import { toArray } from './support/to-array.js'
import { digestOf, walkAll } from './support/walk-files.js'
import { xfsImage } from './support/xfs-fixtures.js'
import { xfsStructures } from './support/xfs-structures.js'

const blockBytes = 512
const blocks = 64
let image: Uint8Array
let geometry: Superblock

beforeAll(() => {
  image = xfsImage('varied')
  geometry = {
    ...decodeSuperblock(image.subarray(0, 512)),
    version: 4,
    blockBytes,
    blocks,
    agBlocks: 64,
    agCount: 1,
    agBlockBits: 6,
  }
})

/** Fields of structures of version 5 that say what they belong to, and what uses them. */
const lies = [
  { what: 'blocks of directories, of another owner', magic: 'XDB3', field: 40, path: '/block' },
  { what: 'larger directories, of another owner', magic: 'XDD3', field: 40, path: '/node' },
  { what: 'blocks of directories, elsewhere', magic: 'XDB3', field: 8, path: '/block' },
  { what: 'nodes of trees of extents', magic: 'BMA3', field: 56, path: '/fragmented' },
  { what: 'parts of symbolic links, of another owner', magic: 'XSLM', field: 32, path: '/long symlink' },
  { what: 'parts of symbolic links, out of order', magic: 'XSLM', field: 0, path: '/long symlink' },
  { what: 'leaves of attributes', magic: '\xee', field: 48, path: '/plain' },
  { what: 'nodes of attributes', magic: '\xbe', field: 48, path: '/plain' },
  { what: 'values of attributes', magic: 'XARM', field: 32, path: '/plain' },
] as const

describe('XFS of version 5', () => {
  it.each(lies)('refuses $what', async ({ magic, field, path }) => {
    const bytes = Uint8Array.from(image)
    expect(await used(bytes, path)).toBe('good')
    const wrong = changeAll(bytes, magic, (view) => view.setUint32(field + 4, view.getUint32(field + 4) ^ 1))
    expect(wrong).toBeGreaterThan(0)
    expect(await used(bytes, path)).toBe('damaged')
  })

  it('refuses leaves of attributes that form a loop', async () => {
    const bytes = Uint8Array.from(image)
    changeAll(bytes, '\xee', (view) => view.setUint32(0, 1))
    const filesystem = await openXfs(memorySource(bytes), unaborted)
    const attributes = filesystem.extendedAttributes?.(await filesystem.find('plain', unaborted), unaborted)
    await expect(attributes).rejects.toMatchObject({ code: 'damaged', message: expect.stringContaining('loop') })
  })
})

describe('directories of XFS in blocks that are apart', () => {
  const records = async (extents: readonly (readonly [start: number, block: number, count: number])[]) => {
    const bytes = new Uint8Array(blocks * blockBytes)
    const view = new DataView(bytes.buffer)
    // A block of two parts, of which the second one is unused but for its last entry.
    view.setUint32(10 * blockBytes, 0x5844_3244)
    view.setUint16(10 * blockBytes + 16, 0xffff)
    view.setUint16(10 * blockBytes + 18, 1024 - 16 - 16)
    view.setBigUint64(20 * blockBytes + 512 - 16, 77n)
    bytes.set([1, 97], 20 * blockBytes + 512 - 8)
    view.setUint16(20 * blockBytes + 510, 1024 - 16)
    const list = new DataView(new ArrayBuffer(extents.length * 16))
    extents.forEach(([start, block, count], index) => {
      list.setBigUint64(index * 16, BigInt(start) << 9n)
      list.setBigUint64(index * 16 + 8, (BigInt(block) << 21n) | BigInt(count))
    })
    const directory: Inode = {
      number: 9,
      type: 'directory',
      sizeBytes: 1024,
      metadata: {},
      isRealtime: false,
      data: { format: 'extents', bytes: new Uint8Array(list.buffer), extentCount: extents.length },
    }
    const volume = xfsVolume(volumeReader(memorySource(bytes)), {
      ...geometry,
      hasFileTypes: false,
      directoryBlockBytes: 1024,
    })
    return await toArray(directoryRecords(volume, directory, unaborted))
  }

  it('are joined', async () => {
    expect(
      await records([
        [0, 10, 1],
        [1, 20, 1],
      ]),
    ).toEqual([{ name: 'a', inode: 77 }])
  })

  it.each([
    ['end early', [[0, 10, 1]]],
    ['begin late', [[1, 20, 1]]],
    [
      'lack what is between',
      [
        [0, 10, 1],
        [3, 20, 1],
      ],
    ],
    [
      'are more than the volume has',
      [
        [0, 0, 60],
        [60, 0, 60],
      ],
    ],
  ] as const)('that %s are damaged', async (_what, extents) => {
    await expect(records(extents)).rejects.toMatchObject({ code: 'damaged', inode: 9 })
  })
})

describe('the log of XFS', () => {
  const sectors = 40
  const state = async (write: (log: DataView) => void) => {
    const bytes = new Uint8Array(blocks * blockBytes)
    write(new DataView(bytes.buffer, blockBytes, sectors * 512))
    const volume = xfsVolume(volumeReader(memorySource(bytes)), {
      ...geometry,
      log: { startBlock: 1, blocks: sectors },
    })
    return await readLogState(volume, unaborted)
  }
  /** A record of one operation in one sector behind its header. */
  const record = (log: DataView, at: number, { cycle = 1, operations = 1, unmounts = true, length = 512 } = {}) => {
    log.setUint32(at * 512, 0xfeed_babe)
    log.setUint32(at * 512 + 4, cycle)
    log.setUint32(at * 512 + 12, length)
    log.setUint32(at * 512 + 40, operations)
    log.setUint32(at * 512 + 320, 32_768)
    const content = ((at + 1) % sectors) * 512
    log.setUint32(content, at + 1 === sectors ? cycle + 1 : cycle)
    log.setUint8(content + 9, unmounts ? 0x20 : 0)
  }
  const fill = (log: DataView, cycle: number, from = 0) => {
    for (let at = from; at < sectors; at++) log.setUint32(at * 512, cycle)
  }

  it.each([
    ['was never used', 'clean', () => undefined],
    ['ends with an unmount', 'clean', (log: DataView) => record(log, 0)],
    [
      'ends with an unmount in its middle, of a later round',
      'clean',
      (log: DataView) => {
        fill(log, 6)
        fill(log, 5, 12)
        record(log, 10, { cycle: 6 })
      },
    ],
    [
      'ends with an unmount in its last sectors',
      'clean',
      (log: DataView) => {
        fill(log, 3)
        record(log, sectors - 2, { cycle: 3 })
      },
    ],
    ['ends with something else', 'dirty', (log: DataView) => record(log, 0, { unmounts: false })],
    ['ends with more than an unmount', 'dirty', (log: DataView) => record(log, 0, { operations: 2 })],
    [
      'goes on behind an unmount',
      'dirty',
      (log: DataView) => {
        record(log, 0)
        log.setUint32(1024, 1)
      },
    ],
    ['has no record', 'dirty', (log: DataView) => fill(log, 4)],
  ] as const)('that %s is %s', async (_what, expected, write) => {
    expect(await state(write)).toBe(expected)
  })

  it('on a device of its own is not known', async () => {
    const { log: _log, ...rest } = geometry
    const volume = xfsVolume(volumeReader(memorySource(new Uint8Array(blocks * blockBytes))), rest)
    expect(await readLogState(volume, unaborted)).toBe('elsewhere')
  })
})

/** Changes all structures that have a magic number, and seals them again. */
function changeAll(bytes: Uint8Array, magic: string, change: (view: DataView) => void): number {
  let changed = 0
  for (const { offset, length, seal } of xfsStructures(bytes, {
    blockBytes: 1024,
    inodeBytes: 512,
    directoryBlockBytes: 4096,
  })) {
    const part = bytes.subarray(offset, offset + length)
    const begin = Buffer.from(part.subarray(0, 10)).toString('latin1')
    if (!begin.startsWith(magic) && begin[9] !== magic) continue
    change(new DataView(part.buffer, part.byteOffset, length))
    seal?.(part)
    changed += 1
  }
  return changed
}

/** Uses all of an entry and what is below it. */
async function used(bytes: Uint8Array, path: string): Promise<string> {
  try {
    const filesystem: Filesystem = await openXfs(memorySource(bytes), unaborted)
    const entry = await filesystem.find(path, unaborted)
    if (entry.type === 'directory') await walkAll({ ...filesystem, root: entry }, unaborted)
    if (entry.type === 'symlink') await filesystem.readLink(entry, unaborted)
    if (entry.type === 'file') await digestOf(await filesystem.open(entry, unaborted), unaborted)
    await filesystem.extendedAttributes?.(entry, unaborted)
    return 'good'
  } catch (error) {
    if (!isFilesystemError(error)) throw error
    return error.code
  }
}
