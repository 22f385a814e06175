import fc from 'fast-check'

/** Generates ways to cut bytes into pieces, as a stream might deliver them; joined they are the bytes again. */
export function chunkSplits(bytes: Uint8Array): fc.Arbitrary<readonly Uint8Array[]> {
  return fc.array(fc.nat(bytes.length), { maxLength: 16 }).map((cuts) => {
    const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length]
    return edges.slice(1).flatMap((end, at) => {
      const start = edges[at] ?? 0
      return end > start ? [bytes.subarray(start, end)] : []
    })
  })
}

/** Generates bytes of every sort: empty, zeros, runs and noise. */
export function contents(maxSizeBytes = 20_000): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    fc.uint8Array({ maxLength: maxSizeBytes }),
    fc.nat(maxSizeBytes).map((size) => new Uint8Array(size)),
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(maxSizeBytes)).map(([unit, size]) => {
      const bytes = new Uint8Array(size)
      for (let at = 0; at < size; at++) bytes[at] = unit[at % unit.length] ?? 0
      return bytes
    }),
  )
}
