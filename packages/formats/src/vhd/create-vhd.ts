import { randomUUID } from 'node:crypto'
import { allocationLimitBytes } from '../bytes/allocate.js'
import type { ByteStore } from '../bytes/byte-source.js'
import { ImageError } from '../image/image-error.js'
import type { ImageWriter } from '../image/image-writer.js'
import { withinDisk } from '../image/within-disk.js'
import { differencingWriter } from './differencing-writer.js'
import { dynamicWriter } from './dynamic-writer.js'
import { fixedWriter } from './fixed-writer.js'
import type { VhdFooter, VhdVariant } from './footer.js'
import { geometryOf } from './geometry.js'
import { entryBytes, largestDiskBytes, sectorBytes } from './layout.js'
import { newParent, type VhdParent } from './new-parent.js'
import { headerAt } from './sparse-writer.js'
import { uuidBytes } from './uuid.js'

/** What every new VHD is. */
interface CommonOptions {
  /** A multiple of 512, up to 2040 GiB. Every reader that is known reports exactly this size. */
  readonly sizeBytes: number
  /** Name by which children know the disk, a UUID. @defaultValue a random one */
  readonly uniqueId?: string
  /** @defaultValue now */
  readonly createdAt?: Date
}

/** Options of a disk that is stored in blocks. */
interface BlockOptions extends CommonOptions {
  /** A power of two from 4 KiB to 256 MiB; Hyper-V takes 512 KiB and 2 MiB. @defaultValue 2 MiB */
  readonly blockBytes?: number
}

/** What a new fixed VHD is: as large as its disk. */
export interface VhdFixedOptions extends CommonOptions {
  readonly variant: 'fixed'
}

/** What a new dynamic VHD is: it grows with what is written. */
export interface VhdDynamicOptions extends BlockOptions {
  readonly variant: 'dynamic'
}

/** What a new differencing VHD is: it holds what differs from its parent. */
export interface VhdDifferencingOptions extends BlockOptions {
  readonly variant: 'differencing'
  readonly parent: VhdParent
  /**
   * Fills `into` with the parent's bytes, for sectors that are written in part.
   *
   * Called: within `parent.sizeBytes`, one call at a time; `read` of the parent's image does.
   * @defaultValue none: writes must be of whole sectors, others are `unsupported`
   */
  readonly readParent?: (offset: number, into: Uint8Array) => Promise<void>
}

/** What a new VHD is. */
export type VhdWriterOptions = VhdFixedOptions | VhdDynamicOptions | VhdDifferencingOptions

const blockLimits = { least: 4096, most: 256 * 2 ** 20, usual: 2 * 2 ** 20 } as const

/** Names Windows 10 as the maker: qemu believes the size in the footer, not the geometry, for those it knows to mean it. */
const creator = { application: 'win ', version: 0x000a_0000, hostOs: 'Wi2k' } as const

/** Begins a VHD in an empty file. @throws ImageError `limit`, `unsupported` */
export async function createVhd(store: ByteStore, options: VhdWriterOptions): Promise<ImageWriter> {
  assertSize(options.sizeBytes)
  return withinDisk(await variantWriter(store, options))
}

async function variantWriter(store: ByteStore, options: VhdWriterOptions): Promise<ImageWriter> {
  const footer = newFooter(options)
  if (options.variant === 'fixed') return fixedWriter(store, footer)
  const { blockBytes = blockLimits.usual } = options
  assertBlock(blockBytes, options.sizeBytes)
  if (options.variant === 'dynamic') return dynamicWriter(store, { footer, blockBytes })
  const { readParent } = options
  return differencingWriter(store, {
    footer,
    blockBytes,
    parent: newParent(options.parent),
    parentBytes: options.parent.sizeBytes ?? options.sizeBytes,
    ...(readParent !== undefined && { readParent }),
  })
}

function assertSize(sizeBytes: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % sectorBytes !== 0)
    throw new ImageError('unsupported', `A VHD cannot have ${sizeBytes} bytes, only whole sectors of ${sectorBytes}`, {
      hint: 'Round the size up: the guest finds a little more room behind its partitions.',
    })
  if (sizeBytes > largestDiskBytes)
    throw new ImageError('limit', `A VHD holds ${largestDiskBytes} bytes (2040 GiB) at most, not ${sizeBytes}`, {
      hint: 'Write a VHDX, which holds 64 TiB.',
    })
}

function assertBlock(blockBytes: number, sizeBytes: number): void {
  const { least, most } = blockLimits
  if (!(blockBytes >= least && blockBytes <= most && Number.isInteger(Math.log2(blockBytes))))
    throw new ImageError('unsupported', `Blocks of ${blockBytes} bytes are no power of two from ${least} to ${most}`)
  if (Math.ceil(sizeBytes / blockBytes) * entryBytes > allocationLimitBytes)
    throw new ImageError('limit', `A disk of ${sizeBytes} bytes has too many blocks of ${blockBytes} bytes`, {
      hint: 'Take larger blocks: with 512 KiB and more, every disk fits.',
    })
}

function newFooter({
  variant,
  sizeBytes,
  uniqueId = randomUUID(),
  createdAt = new Date(),
}: VhdWriterOptions): VhdFooter {
  // Refused now, not when the footer is written.
  uuidBytes(uniqueId)
  return {
    variant,
    headerAt: headerPlaces[variant],
    createdAt,
    creatorApplication: creator.application,
    creatorVersion: creator.version,
    creatorHostOs: creator.hostOs,
    originalSizeBytes: sizeBytes,
    currentSizeBytes: sizeBytes,
    geometry: geometryOf(sizeBytes),
    uniqueId,
    isTemporary: false,
    hasSavedState: false,
  }
}

const headerPlaces: Readonly<Record<VhdVariant, bigint>> = {
  fixed: 0xffff_ffff_ffff_ffffn,
  dynamic: BigInt(headerAt),
  differencing: BigInt(headerAt),
}
