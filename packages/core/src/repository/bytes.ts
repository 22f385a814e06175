import { Buffer } from 'node:buffer'

/** Views bytes as a Buffer without copying. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * Copies bytes to a place in other memory; one of the two may be shared between threads.
 *
 * Node copies all of a view with `TypedArray.prototype.set`, which moves shared memory word by word; a part of a longer
 * view it moves two to three times as fast.
 * @throws RangeError when they do not fit: nothing is cut off in silence
 */
export function copyBytes(from: Uint8Array, to: Uint8Array, at: number): void {
  const { buffer, byteOffset, byteLength } = from
  if (byteLength > to.byteLength - at)
    throw new RangeError(`${byteLength} bytes do not fit in ${to.byteLength} at ${at}`)
  Buffer.from(buffer).copy(to, at, byteOffset, byteOffset + byteLength)
}

/** Spells bytes in lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex')
}

/** Reads hex. */
export function fromHex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

/** Tells whether two byte strings are equal. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return asBuffer(a).equals(asBuffer(b))
}
