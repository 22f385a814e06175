import type { ImageFormat } from './image-format.js'

/** Writes a new image. One that was not closed is incomplete: its owner removes it. */
export interface ImageWriter {
  readonly format: ImageFormat
  readonly variant: string
  readonly sizeBytes: number
  /** `ascending`: each range must begin where the last one ended, or later. */
  readonly order: 'any' | 'ascending'
  /** Unit of allocation: whole zero units cost nothing when they are never written. */
  readonly unitBytes: number
  /**
   * Writes `bytes` at `offset`.
   *
   * Called: concurrently on ranges that do not overlap, unless `order` is `ascending`. `bytes` may be reused once this
   * resolves. @throws ImageError `out-of-range`, `order`
   */
  readonly write: (offset: number, bytes: Uint8Array) => Promise<void>
  /** Makes a range read as zeros, whatever a parent holds there. Called as `write`. */
  readonly zero: (offset: number, length: number) => Promise<void>
  /** Writes what is held back, tables too, as far as the format can while it is open. */
  readonly flush: () => Promise<void>
  /** Completes the image. Called once, after every write resolved; the files stay open for their owner to sync. */
  readonly close: () => Promise<void>
}
