import { fields } from '../bytes/fields.js'
import { uuidText } from '../bytes/uuid.js'
import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged, FilesystemError, unsupported } from '../filesystem-error.js'
import { nameFromBytes } from '../names/name-bytes.js'
import { assertChecksum } from './checksum.js'

/** What all other structures are read by (xfs_dsb). */
export interface Superblock {
  /** Version 5 has checksums and knows where each block belongs. */
  readonly version: 4 | 5
  readonly blockBytes: number
  readonly blocks: number
  readonly agBlocks: number
  readonly agCount: number
  /** Bits of a block number that count within an allocation group. */
  readonly agBlockBits: number
  readonly inodeBytes: number
  /** Bits of an inode number that count within a block. */
  readonly inodeBits: number
  readonly directoryBlockBytes: number
  readonly rootInode: number
  /** Directories say what type their entries are of. */
  readonly hasFileTypes: boolean
  readonly ignoresCase: boolean
  readonly label: string
  readonly uuid: string
  readonly hasRealtimeDevice: boolean
  readonly needsRepair: boolean
  /** The log; absent when it lies on a device of its own. */
  readonly log?: { readonly startBlock: number; readonly blocks: number }
}

const magic = 0x5846_5342
const superblockBytes = 512
const checksumAt = 224
const blockSizes = { least: 512, most: 65_536 }
const inodeSizes = { least: 256, most: 2048 }
const mostSectorBytes = 32_768

const versionBits = { directories2: 0x2000, ignoresCase: 0x4000, moreFeatures: 0x8000 } as const
const secondFeatures = { fileTypes: 0x200 } as const
const incompatible = { fileTypes: 0x1, needsRepair: 0x10 } as const

/**
 * Features that change how the volume is read, and are known: file types, sparse inode chunks, a changed UUID, big
 * timestamps, a repair that is due, large extent counts, exchanged ranges (a matter of the log), parent pointers.
 */
const knownFeatures = 0xff
const featureNames: ReadonlyMap<number, string> = new Map([
  [0x100, 'metadir (a directory tree of metadata)'],
  [0x200, 'zoned (zoned real-time devices)'],
  [0x400, 'zone-gaps (gaps in zoned real-time devices)'],
])

/** Tells whether a volume begins as XFS does. */
function isXfs(start: Uint8Array): boolean {
  return start.byteLength >= 4 && fields(start, 'big', 'the superblock').u32(0) === magic
}

/**
 * Reads the first superblock.
 *
 * @throws FilesystemError `unrecognised`, `unsupported`, `damaged`, `read`
 */
export async function readSuperblock(reader: VolumeReader, options: CallOptions): Promise<Superblock> {
  if (reader.sizeBytes < superblockBytes)
    throw new FilesystemError('unrecognised', 'The volume is too small for XFS.', { offset: 0 })
  const start = await reader.structure(0, superblockBytes, 'the superblock', options)
  if (!isXfs(start)) throw new FilesystemError('unrecognised', 'The volume does not begin as XFS does.', { offset: 0 })
  const sectorBytes = fields(start, 'big', 'the superblock').u16(102)
  if (!isPowerOfTwo(sectorBytes, superblockBytes, mostSectorBytes))
    throw damaged(`the superblock claims sectors of ${sectorBytes} bytes`, { offset: 0 })
  const superblock = decodeSuperblock(await reader.structure(0, sectorBytes, 'the superblock', options))
  if (superblock.blocks * superblock.blockBytes > reader.sizeBytes)
    throw damaged(
      `the file system of ${superblock.blocks} blocks of ${superblock.blockBytes} bytes is larger than its volume of ${reader.sizeBytes}`,
      { offset: 0 },
    )
  return superblock
}

/** Decodes a superblock, one sector long. @throws FilesystemError `unsupported`, `damaged` */
export function decodeSuperblock(bytes: Uint8Array): Superblock {
  const at = fields(bytes, 'big', 'the superblock', { offset: 0 })
  const versionBitsHere = at.u16(100)
  const version = versionBitsHere & 0xf
  if (version !== 4 && version !== 5) throw unsupported(`XFS of version ${version} is not read; 4 and 5 are.`)
  if (version === 5) assertChecksum(bytes, checksumAt, 'the superblock', { offset: 0 })
  if (version === 4 && (versionBitsHere & versionBits.directories2) === 0)
    throw unsupported('XFS with directories of version 1 is not read.')
  const features = version === 5 ? at.u32(216) : 0
  assertKnown(features)
  if (at.u8(126) !== 0) throw damaged('mkfs.xfs had not finished when the disk was read', { offset: 126 })
  const second = (versionBitsHere & versionBits.moreFeatures) === 0 ? 0 : at.u32(200)
  const logStart = at.u64(48)
  return {
    version,
    ...sizes(bytes),
    rootInode: at.u64(56),
    hasFileTypes: version === 5 ? (features & incompatible.fileTypes) !== 0 : (second & secondFeatures.fileTypes) !== 0,
    ignoresCase: (versionBitsHere & versionBits.ignoresCase) !== 0,
    label: label(at.slice(108, 12)),
    uuid: uuidText(at.slice(32, 16)),
    hasRealtimeDevice: at.u64(16) > 0,
    needsRepair: (features & incompatible.needsRepair) !== 0,
    ...(logStart !== 0 && { log: { startBlock: logStart, blocks: at.u32(96) } }),
  }
}

/** Reads the sizes, which say much twice: what contradicts itself is damaged. */
function sizes(bytes: Uint8Array) {
  const at = fields(bytes, 'big', 'the superblock', { offset: 0 })
  const blockBytes = at.u32(4)
  const inodeBytes = at.u16(104)
  const agBlocks = at.u32(84)
  const agCount = at.u32(88)
  const agBlockBits = at.u8(124)
  const inodeBits = at.u8(123)
  const blocks = at.u64(8)
  const directoryBits = at.u8(192)
  const wrong = (what: string) => damaged(`the superblock claims ${what}`, { offset: 0 })
  if (!isPowerOfTwo(blockBytes, blockSizes.least, blockSizes.most)) throw wrong(`blocks of ${blockBytes} bytes`)
  if (!isPowerOfTwo(inodeBytes, inodeSizes.least, inodeSizes.most) || inodeBytes > blockBytes)
    throw wrong(`inodes of ${inodeBytes} bytes`)
  if (2 ** at.u8(120) !== blockBytes || 2 ** inodeBits * inodeBytes !== blockBytes)
    throw wrong('sizes that do not fit their logarithms')
  if (directoryBits > 7 || blockBytes * 2 ** directoryBits > blockSizes.most)
    throw wrong(`directory blocks of 2^${directoryBits} blocks`)
  if (agBlocks === 0 || agBlockBits > 31 || agBlocks > 2 ** agBlockBits)
    throw wrong(`allocation groups of ${agBlocks} blocks, numbered by ${agBlockBits} bits`)
  if (blocks > agBlocks * agCount || blocks <= agBlocks * (agCount - 1))
    throw wrong(`${blocks} blocks in ${agCount} allocation groups of ${agBlocks}`)
  return {
    blockBytes,
    blocks,
    agBlocks,
    agCount,
    agBlockBits,
    inodeBytes,
    inodeBits,
    directoryBlockBytes: blockBytes * 2 ** directoryBits,
  }
}

function assertKnown(features: number): void {
  for (let bit = 0; bit < 32; bit++) {
    const feature = (1 << bit) >>> 0
    if ((features & feature) === 0 || (knownFeatures & feature) !== 0) continue
    const name = featureNames.get(feature) ?? `0x${feature.toString(16)}`
    throw unsupported(`The file system has the incompatible feature ${name}, which is not read.`)
  }
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && Number.isInteger(Math.log2(value))
}

function label(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return nameFromBytes(end === -1 ? bytes : bytes.subarray(0, end))
}
