import type { ByteSink } from '../bytes/byte-source.js'
import { assertInDisk } from '../image/assert-in-disk.js'
import type { ImageWriter } from '../image/image-writer.js'

/** What a new raw image is. */
export interface RawWriterOptions {
  readonly sizeBytes: number
}

/** Begins a raw image: a sparse file where the storage has holes. */
export async function createRaw(sink: ByteSink, { sizeBytes }: RawWriterOptions): Promise<ImageWriter> {
  await sink.resize(sizeBytes)
  return {
    format: 'raw',
    variant: 'plain',
    sizeBytes,
    order: 'any',
    unitBytes: 4096,
    write: async (offset, bytes) => {
      assertInDisk(offset, bytes.byteLength, sizeBytes)
      await sink.write(offset, bytes)
    },
    zero: async (offset, length) => {
      assertInDisk(offset, length, sizeBytes)
      await sink.zero(offset, length)
    },
    flush: async () => {},
    close: async () => {},
  }
}
