/** Tells whether a sequence number of 32 bits is after another one, though they wrap around. RFC 1982. */
export function isAfter(one: number, other: number): boolean {
  return ((one - other) | 0) > 0
}

/** Returns the sequence number that is so much further. */
export function plus(serial: number, count: number): number {
  return (serial + count) >>> 0
}
