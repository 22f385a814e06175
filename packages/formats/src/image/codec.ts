import type { FileOpener, NamedSource } from '../bytes/byte-source.js'
import type { ImageFormat } from './image-format.js'
import type { ImageLayer } from './layer.js'

/** The reading half of a format. */
export interface ImageCodec {
  readonly format: ImageFormat
  /** Tells by signatures whether a file may be of this format; reads little and trusts nothing. */
  readonly recognise: (file: NamedSource) => Promise<boolean>
  /**
   * Reads headers and tables of a file, and opens the files that hold its bytes, but no parent.
   *
   * @throws ImageError `corrupt`, `unsupported`, `encrypted`, `limit`, `missing-file`, `refused-file`
   */
  readonly open: (file: NamedSource, open: FileOpener) => Promise<ImageLayer>
}
