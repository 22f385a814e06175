import { crc32c } from '../bytes/crc32c.js'
import { type Fields, fields } from '../bytes/fields.js'
import { uuidText } from '../bytes/uuid.js'
import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { assertReadable, incompatible, readOnlyCompatible } from './features.js'

/** What the superblock of ext2, 3 or 4 says, checked. */
export interface Superblock {
  readonly blockBytes: number
  readonly blockCount: number
  readonly firstDataBlock: number
  readonly blocksPerGroup: number
  readonly groupCount: number
  readonly inodesPerGroup: number
  readonly inodeCount: number
  readonly inodeBytes: number
  readonly descriptorBytes: number
  /** First group whose descriptors lie with their groups (meta_bg). */
  readonly firstMetaGroup: number
  /** Groups that have a copy of the superblock besides the first, where only two do (sparse_super2). */
  readonly backupGroups: readonly number[]
  readonly features: { readonly compatible: number; readonly incompatible: number; readonly readOnly: number }
  /** Start of the checksums of metadata; absent where there are none. */
  readonly checksumSeed?: number
  readonly uuid: string
  readonly label: string
  readonly journalInode: number
  readonly state: number
}

/** Byte in the volume where the superblock is. */
export const superblockOffset = 1024
const superblockBytes = 1024

/** Tells whether bytes read from `superblockOffset` on begin a superblock. */
export function isSuperblock(bytes: Uint8Array): boolean {
  return bytes[0x38] === 0x53 && bytes[0x39] === 0xef
}

/** Reads and checks the first superblock. @throws FilesystemError `damaged`, `unsupported` */
export async function readSuperblock(reader: VolumeReader, options: CallOptions): Promise<Superblock> {
  const bytes = await reader.structure(superblockOffset, superblockBytes, 'the ext superblock', options)
  return parseSuperblock(bytes, reader.sizeBytes)
}

/** Checks the bytes of a superblock in a volume of `volumeBytes`. @throws FilesystemError `damaged`, `unsupported` */
function parseSuperblock(bytes: Uint8Array, volumeBytes: number): Superblock {
  const raw = fields(bytes, 'little', 'the ext superblock', { offset: superblockOffset })
  if (!isSuperblock(bytes)) throw broken('it has no magic number')
  const revised = raw.u32(0x4c) > 0
  const features = {
    compatible: revised ? raw.u32(0x5c) : 0,
    incompatible: revised ? raw.u32(0x60) : 0,
    readOnly: revised ? raw.u32(0x64) : 0,
  }
  assertReadable(features.incompatible)
  const has = (bits: number) => (features.incompatible & bits) !== 0
  const checksums = (features.readOnly & readOnlyCompatible.metadataChecksums) !== 0
  if (checksums && crc32c(0xffff_ffff, bytes.subarray(0, 0x3fc)) !== raw.u32(0x3fc))
    throw broken('its checksum is wrong')
  const logBlock = raw.u32(0x18)
  if (logBlock > 6) throw broken(`it claims blocks of 2^${10 + logBlock} bytes`)
  const blockBytes = 1024 << logBlock
  const blockCount = raw.u32(4) + (has(incompatible.bits64) ? raw.u32(0x150) * 2 ** 32 : 0)
  const firstDataBlock = raw.u32(0x14)
  if (firstDataBlock > 1 || blockCount <= firstDataBlock) throw broken(`it claims ${blockCount} blocks`)
  if (blockCount * blockBytes > volumeBytes)
    throw broken(`it claims ${blockCount * blockBytes} bytes, but its volume has ${volumeBytes}`)
  const checksumSeed = has(incompatible.checksumSeed) ? raw.u32(0x270) : crc32c(0xffff_ffff, raw.slice(0x68, 16))
  return {
    blockBytes,
    blockCount,
    firstDataBlock,
    ...groups(raw, blockCount - firstDataBlock, blockBytes),
    inodeBytes: inodeBytesOf(revised ? raw.u16(0x58) : 128, blockBytes),
    descriptorBytes: has(incompatible.bits64) ? descriptorBytesOf(raw.u16(0xfe), blockBytes) : 32,
    firstMetaGroup: has(incompatible.metaBlockGroups) ? raw.u32(0x104) : Number.POSITIVE_INFINITY,
    backupGroups: [raw.u32(0x24c), raw.u32(0x250)],
    features,
    ...(checksums && { checksumSeed }),
    uuid: uuidText(raw.slice(0x68, 16)),
    label: text(raw.slice(0x78, 16)),
    journalInode: raw.u32(0xe0),
    state: raw.u16(0x3a),
  }
}

function groups(raw: Fields, dataBlocks: number, blockBytes: number) {
  const blocksPerGroup = raw.u32(0x20)
  const inodesPerGroup = raw.u32(0x28)
  const inodeCount = raw.u32(0)
  if (blocksPerGroup === 0) throw broken('it claims groups of no blocks')
  const groupCount = Math.ceil(dataBlocks / blocksPerGroup)
  if (inodesPerGroup === 0 || inodesPerGroup > 8 * blockBytes || inodeCount > groupCount * inodesPerGroup)
    throw broken(`it claims ${inodeCount} inodes, ${inodesPerGroup} a group`)
  return { blocksPerGroup, groupCount, inodesPerGroup, inodeCount }
}

function inodeBytesOf(claimed: number, blockBytes: number): number {
  if (claimed >= 128 && claimed <= blockBytes && (claimed & (claimed - 1)) === 0) return claimed
  throw broken(`it claims inodes of ${claimed} bytes`)
}

function descriptorBytesOf(claimed: number, blockBytes: number): number {
  if (claimed >= 64 && claimed <= Math.min(blockBytes, 1024) && (claimed & (claimed - 1)) === 0) return claimed
  throw broken(`it claims group descriptors of ${claimed} bytes`)
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end))
}

function broken(what: string) {
  return damaged(`the ext superblock is damaged: ${what}`, { offset: superblockOffset })
}
