import type { ByteStore } from '../bytes/byte-source.js'
import type { ImageWriter } from '../image/image-writer.js'
import { blockParts } from './block-parts.js'
import { type SparseWriterOptions, sparseWriter } from './sparse-writer.js'

/**
 * Begins a dynamic disk (Implementing a Dynamic Disk).
 *
 * Bitmaps say of every sector of a block in the file that it was written, as qemu has it: what was not written reads as zeros
 * from the file, and so does a reader that ignores bitmaps as one that obeys them.
 */
export function dynamicWriter(store: ByteStore, options: SparseWriterOptions): ImageWriter {
  const { blockBytes } = options
  const sizeBytes = options.footer.currentSizeBytes
  const frame = sparseWriter(store, options)
  const allWritten = new Uint8Array(frame.bitmapBytes).fill(0xff)
  /** Blocks that have a place but no bitmap there; an index stays until its bitmap was written. */
  const withoutBitmap = new Set<number>()

  return {
    format: 'vhd',
    variant: 'dynamic',
    sizeBytes,
    order: 'any',
    unitBytes: blockBytes,
    write: async (offset, bytes) => {
      for (const { index, from, to, at } of blockParts(offset, bytes.byteLength, blockBytes)) {
        if (frame.find(index) === undefined) withoutBitmap.add(index)
        const { bitmapAt, dataAt } = frame.place(index)
        if (withoutBitmap.has(index)) {
          await store.write(bitmapAt, allWritten)
          withoutBitmap.delete(index)
        }
        await store.write(dataAt + from, bytes.subarray(at, at + to - from))
      }
    },
    zero: async (offset, length) => {
      for (const { index, from, to } of blockParts(offset, length, blockBytes)) {
        const place = frame.find(index)
        // A block keeps its place: giving it up would leave a hole that nothing fills.
        if (place !== undefined) await store.zero(place.dataAt + from, to - from)
      }
    },
    flush: frame.flush,
    close: frame.finish,
  }
}
