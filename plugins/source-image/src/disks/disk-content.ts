import type { Extent } from '@holdfast/core'
import type { ByteRange, LayerInfo } from '@holdfast/formats'
import type { DiskFile } from '../files/disk-file.js'

/** One image of a chain: what it is, and the files that it consists of. */
export interface DiskLayer extends Pick<LayerInfo, 'format' | 'variant' | 'sizeBytes' | 'identity' | 'bitmaps'> {
  /** The image itself first, then its extents or its data file, in the order in which it names them. */
  readonly files: readonly DiskFile[]
}

/** An extent, and which layer says so, counted from the image itself; absent where there is but one. */
export interface LayeredExtent extends Extent {
  readonly depth?: number
}

/** The bytes of one disk, and every file that they are in. */
export interface DiskContent {
  readonly sizeBytes: number
  /** All files of all layers. */
  readonly files: readonly DiskFile[]
  /** The image itself first, then its parent, and so on. */
  readonly layers: readonly [DiskLayer, ...DiskLayer[]]
  /** Yields extents that cover the range exactly, in ascending order. Abort: notices it between extents. */
  readonly extents: (range: ByteRange, signal: AbortSignal) => AsyncIterable<LayeredExtent>
  /** Fills the whole of `into` from `offset`. Abort: notices it between pieces, with none under way. */
  readonly read: (offset: number, into: Uint8Array, signal: AbortSignal) => Promise<void>
  /** Closes all files. Idempotency: closing twice is no error. */
  readonly close: () => Promise<void>
}

// Between two pieces an abort is noticed; a read under way fills the caller's memory and has to be waited for.
export const pieceBytes = 8 * 2 ** 20
