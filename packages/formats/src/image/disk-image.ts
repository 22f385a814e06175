import type { ByteRange } from '../bytes/byte-source.js'
import type { ImageFormat } from './image-format.js'
import type { ImageBitmap, ImageProblem } from './layer.js'

/** What a stretch of a disk holds: bytes to read, known zeros, or nothing that any layer ever wrote. */
export interface ImageExtent extends ByteRange {
  readonly kind: 'data' | 'zero' | 'unallocated'
  /** The layer that says so, 0 being the image itself; the number of layers for `unallocated`. */
  readonly depth: number
}

/** One file of a chain. */
export interface LayerInfo {
  readonly file: string
  readonly format: ImageFormat
  readonly variant: string
  readonly sizeBytes: number
  readonly sectorBytes: number
  /** Size of the file itself. */
  readonly fileBytes: number
  readonly identity?: string
  readonly details: Readonly<Record<string, string | number | boolean>>
  readonly bitmaps: readonly ImageBitmap[]
}

/** A disk, read through its image and all its parents. Disposing it closes every file that was opened for it. */
export interface DiskImage extends AsyncDisposable {
  readonly sizeBytes: number
  /** The image itself first, then its parent, and so on. */
  readonly layers: readonly [LayerInfo, ...LayerInfo[]]
  /**
   * Yields extents that cover the range exactly, in ascending order; neighbours differ in kind or depth.
   *
   * @defaultValue the whole disk
   * @throws ImageError `corrupt`, `out-of-range`
   */
  readonly extents: (range?: ByteRange) => AsyncIterable<ImageExtent>
  /**
   * Fills the whole of `into` from `offset`.
   *
   * Called: concurrently. @throws ImageError `corrupt`, `out-of-range`
   */
  readonly read: (offset: number, into: Uint8Array) => Promise<void>
  /** Checks each layer; `file` says which. Reads tables, not data. */
  readonly problems: () => AsyncIterable<ImageProblem & { readonly file: string }>
}
