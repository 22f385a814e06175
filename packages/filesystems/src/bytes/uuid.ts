/** Writes the 16 bytes of a UUID as text, in the order in which they stand. */
export function uuidText(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Writes a GUID as text, whose first three numbers stand in little-endian order. */
export function guidText(bytes: Uint8Array): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, ...rest] = bytes
  return uuidText(Uint8Array.of(d, c, b, a, f, e, h, g, ...rest))
}
