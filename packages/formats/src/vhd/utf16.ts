import { Buffer } from 'node:buffer'

/** Text up to the first zero, its bytes in the order of Intel machines. */
export function utf16le(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, bytes.byteLength & ~1)).toString('utf16le')
  return upToZero(text)
}

/** Text up to the first zero, its bytes in network order. */
export function utf16be(bytes: Uint8Array): string {
  return utf16le(Buffer.from(bytes.subarray(0, bytes.byteLength & ~1)).swap16())
}

/** The bytes of a text in network order, without a zero at its end. */
export function encodeUtf16be(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le').swap16()
}

/** Cuts text off where a zero ends it. */
export function upToZero(text: string): string {
  const end = text.indexOf('\0')
  return end === -1 ? text : text.slice(0, end)
}
