import { assertInDisk } from './assert-in-disk.js'
import type { ImageWriter } from './image-writer.js'

/** Makes a writer refuse ranges that are not within its disk, before the format sees them. */
export function withinDisk(writer: ImageWriter): ImageWriter {
  const { sizeBytes } = writer
  return {
    ...writer,
    write: async (offset, bytes) => {
      assertInDisk(offset, bytes.byteLength, sizeBytes)
      await writer.write(offset, bytes)
    },
    zero: async (offset, length) => {
      assertInDisk(offset, length, sizeBytes)
      await writer.zero(offset, length)
    },
  }
}
