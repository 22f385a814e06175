import { allocationLimitBytes } from '../bytes/allocate.js'
import { ImageError } from '../image/image-error.js'
import type { ImageFormat } from '../image/image-format.js'
import { clusterBitsLimit, type Geometry, geometry } from './geometry.js'
import { l1EntryBytes, limits } from './header-layout.js'

/** What a new qcow2 image is. */
export interface Qcow2WriterOptions {
  /** A multiple of 512: QEMU counts the disk in sectors and would cut off the rest. */
  readonly sizeBytes: number
  /** A power of two from 512 to 2 MiB. @defaultValue 64 KiB */
  readonly clusterBytes?: number
  /** Makes the image a child: what is not written shows the backing disk. */
  readonly backing?: Qcow2Backing
  /** Compresses clusters; the disk is then written in ascending order. */
  readonly compression?: Qcow2Compression
}

/** The disk beneath a new image. */
export interface Qcow2Backing {
  /** Written as it is; a relative name is looked for beside the image. At most 1023 bytes of UTF-8. */
  readonly name: string
  readonly format: ImageFormat
  /** The same disk: read where a write covers a cluster in part, since an image cannot hold parts of clusters. */
  readonly disk: {
    readonly sizeBytes: number
    readonly read: (offset: number, into: Uint8Array) => Promise<void>
  }
}

/** How clusters are compressed; ones that do not shrink are stored plainly. zstd needs QEMU 5.1 or later. */
export interface Qcow2Compression {
  readonly method: 'zlib' | 'zstd'
  /** 1 to 9 for zlib, 1 to 22 for zstd. @defaultValue 6 for zlib, 3 for zstd */
  readonly level?: number
}

/** Sizes of a new image. */
export interface WriterGeometry extends Geometry {
  readonly l1Entries: number
}

const defaultClusterBytes = 64 * 1024
const sectorBytes = 512
const levels = { zlib: { least: 1, most: 9 }, zstd: { least: 1, most: 22 } } as const

/** Checks options and derives sizes. @throws ImageError `unsupported` for what cannot be, `limit` for what is too large */
export function writerGeometry(options: Qcow2WriterOptions): WriterGeometry {
  const { sizeBytes, clusterBytes = defaultClusterBytes, compression, backing } = options
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes % sectorBytes !== 0)
    throw new ImageError('unsupported', `A disk of ${sizeBytes} bytes is no whole number of sectors of ${sectorBytes}.`)
  const clusterBits = Math.log2(clusterBytes)
  const { least, most } = clusterBitsLimit
  if (!Number.isInteger(clusterBits) || clusterBits < least || clusterBits > most)
    throw new ImageError('unsupported', `Clusters of ${clusterBytes} bytes are no power of two from 512 to 2 MiB.`)
  const { method, level } = compression ?? {}
  if (method !== undefined && level !== undefined) {
    const { least, most } = levels[method]
    if (!Number.isInteger(level) || level < least || level > most)
      throw new ImageError('unsupported', `${method} has no level ${level}, only ${least} to ${most}.`)
  }
  if (backing?.name === '') throw new ImageError('unsupported', 'The name of the backing file is empty.')
  const sizes = geometry(clusterBits, false, '')
  // At least one entry, since a table of none has no place.
  const l1Entries = Math.max(1, Math.ceil(sizeBytes / sizes.l1SpanBytes))
  if (l1Entries * l1EntryBytes > Math.min(allocationLimitBytes, limits.l1Bytes))
    throw new ImageError('limit', `A disk of ${sizeBytes} bytes is too large for clusters of ${clusterBytes}.`, {
      hint: 'Larger clusters make larger disks possible.',
    })
  return { ...sizes, l1Entries }
}
