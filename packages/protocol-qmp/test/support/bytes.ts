/** Bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Cuts bytes at the given places, in any order; places beyond the end are left out. */
export function cutAt(whole: Uint8Array, places: readonly number[]): readonly Uint8Array[] {
  const sorted = [...new Set(places)].filter((place) => place < whole.byteLength).toSorted((a, b) => a - b)
  const starts = [0, ...sorted]
  return starts.map((start, index) => whole.subarray(start, starts[index + 1] ?? whole.byteLength))
}

/** Joins pieces of bytes. */
export function join(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'string' ? bytes(part) : part))))
}
