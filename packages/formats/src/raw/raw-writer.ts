import type { ByteSink } from '../bytes/byte-source.js'
import type { ImageWriter } from '../image/image-writer.js'
import { withinDisk } from '../image/within-disk.js'

/** What a new raw image is. */
export interface RawWriterOptions {
  readonly sizeBytes: number
}

/** Begins a raw image: a sparse file where the storage has holes. */
export async function createRaw(sink: ByteSink, { sizeBytes }: RawWriterOptions): Promise<ImageWriter> {
  await sink.resize(sizeBytes)
  return withinDisk({
    format: 'raw',
    variant: 'plain',
    sizeBytes,
    order: 'any',
    unitBytes: 4096,
    write: (offset, bytes) => sink.write(offset, bytes),
    zero: (offset, length) => sink.zero(offset, length),
    flush: async () => {},
    close: async () => {},
  })
}
