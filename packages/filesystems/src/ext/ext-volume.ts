import { crc32c, crc32cOfNumber } from '../bytes/crc32c.js'
import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { inodeTableBlock } from './group-descriptors.js'
import { type Inode, parseInode } from './inode.js'
import type { Superblock } from './superblock.js'

/** An ext file system as its readers see it. */
export interface ExtVolume {
  readonly reader: VolumeReader
  readonly superblock: Superblock
  readonly inode: (number: number, options: CallOptions) => Promise<Inode>
  /** Reads blocks of metadata called `what`, which belong to `inode`. */
  readonly blocks: (
    first: number,
    count: number,
    what: string,
    inode: Inode,
    options: CallOptions,
  ) => Promise<Uint8Array>
}

/** Joins what reads inodes and blocks. */
export function extVolume(reader: VolumeReader, superblock: Superblock): ExtVolume {
  const { blockBytes, blockCount } = superblock
  return {
    reader,
    superblock,
    inode: (number, options) => readInode(reader, superblock, number, options),
    blocks: async (first, count, what, { number }, options) => {
      if (first > 0 && first + count <= blockCount)
        return await reader.structure(first * blockBytes, count * blockBytes, what, options)
      throw damaged(`${what} of inode ${number} is said to be in block ${first} of ${blockCount}`, { inode: number })
    },
  }
}

async function readInode(
  reader: VolumeReader,
  superblock: Superblock,
  number: number,
  options: CallOptions,
): Promise<Inode> {
  const { blockBytes, inodeBytes, inodesPerGroup, inodeCount, checksumSeed } = superblock
  if (number < 1 || number > inodeCount)
    throw damaged(`there is no inode ${number} of ${inodeCount}`, { inode: number })
  const group = Math.floor((number - 1) / inodesPerGroup)
  const table = await inodeTableBlock(reader, superblock, group, options)
  const offset = table * blockBytes + ((number - 1) % inodesPerGroup) * inodeBytes
  const bytes = await reader.structure(offset, inodeBytes, `inode ${number}`, options)
  const inode = parseInode(bytes, number, superblock, offset)
  if (checksumSeed !== undefined && !hasRightChecksum(bytes, inode, checksumSeed))
    throw damaged(`the checksum of inode ${number} is wrong`, { offset, inode: number })
  return inode
}

/** Start of the checksums of what belongs to an inode. */
export function inodeSeed(seed: number, { number, generation }: Inode): number {
  return crc32cOfNumber(crc32cOfNumber(seed, number), generation)
}

/** Low half in the old fields; high half in the extra ones, where an inode has them. Kernel: ext4_inode_csum. */
function hasRightChecksum(bytes: Uint8Array, inode: Inode, seed: number): boolean {
  const copy = new Uint8Array(bytes)
  const take = (at: number) => {
    const value = (copy[at] ?? 0) | ((copy[at + 1] ?? 0) << 8)
    copy.fill(0, at, at + 2)
    return value
  }
  const extraBytes = bytes.byteLength > 128 ? (bytes[128] ?? 0) | ((bytes[129] ?? 0) << 8) : 0
  const low = take(0x7c)
  const high = extraBytes >= 4 ? take(0x82) : undefined
  const right = crc32c(inodeSeed(seed, inode), copy)
  // An inode that was never used has no checksum: it is all zeros.
  if (bytes.every((byte) => byte === 0)) return true
  return (right & 0xffff) === low && (high === undefined || right >>> 16 === high)
}
