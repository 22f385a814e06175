import { Buffer } from 'node:buffer'

const zeros = Buffer.alloc(64 * 1024)

/** Tells whether the bytes from `start` up to `end` are all zero. */
export function isZero(bytes: Uint8Array, start = 0, end = bytes.byteLength): boolean {
  const middle = start + ((end - start) >> 1)
  // Most data shows it at once; comparing memory is worth its call only after that.
  if (start < end && (bytes[start] !== 0 || bytes[middle] !== 0 || bytes[end - 1] !== 0)) return false
  for (let at = start; at < end; at += zeros.byteLength) {
    const upTo = Math.min(end, at + zeros.byteLength)
    if (zeros.compare(bytes, at, upTo, 0, upTo - at) !== 0) return false
  }
  return true
}
