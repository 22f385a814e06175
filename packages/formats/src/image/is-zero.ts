import { Buffer } from 'node:buffer'

const zeros = Buffer.alloc(64 * 1024)

/** Tells whether all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  const length = bytes.byteLength
  // Most data shows it at once; comparing memory is worth its call only after that.
  if (length > 0 && (bytes[0] !== 0 || bytes[length - 1] !== 0 || bytes[length >> 1] !== 0)) return false
  for (let at = 0; at < length; at += zeros.byteLength) {
    const part = bytes.subarray(at, Math.min(length, at + zeros.byteLength))
    if (zeros.compare(part, 0, part.byteLength, 0, part.byteLength) !== 0) return false
  }
  return true
}
