import { ImageError } from './image-error.js'

/** Checks a range that a caller of a writer gave. @throws ImageError `out-of-range` */
export function assertInDisk(offset: number, length: number, sizeBytes: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && length <= sizeBytes - offset) return
  throw new ImageError('out-of-range', `Bytes ${offset} to ${offset + length} are not within the disk of ${sizeBytes}`)
}
