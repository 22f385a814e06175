const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0)
  return value
})

/** Goes on with a CRC-32C (Castagnoli) over more bytes, without inverting it before or after. */
export function crc32c(crc: number, bytes: Uint8Array): number {
  let value = crc
  for (const byte of bytes) value = (table[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8)
  return value >>> 0
}

/** Goes on with a CRC-32C over a 32-bit number in little-endian order. */
export function crc32cOfNumber(crc: number, value: number): number {
  return crc32c(crc, Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24))
}
