/** Mixes numbers into one 32-bit hash; equal inputs give equal outputs everywhere. */
export function mix(...values: readonly number[]): number {
  let hash = 0x9e3779b9
  for (const value of values) {
    hash = Math.imul(hash ^ (value | 0), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13) ^ Math.floor(value / 2 ** 32), 0xc2b2ae35)
    hash ^= hash >>> 16
  }
  return hash >>> 0
}

/** A stream of 32-bit numbers fixed by its seed. */
export function seededNumbers(seed: number): () => number {
  let state = mix(seed) || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

/** Fills `into` with incompressible bytes fixed by `seed`. */
export function fillSeeded(into: Uint8Array, seed: number): void {
  const words = new Uint32Array(Math.ceil(into.length / 4))
  let state = mix(seed) || 1
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[at] = state
  }
  into.set(new Uint8Array(words.buffer, 0, into.length))
}

/** Makes incompressible bytes fixed by `seed`. */
export function seededBytes(sizeBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  fillSeeded(bytes, seed)
  return bytes
}
