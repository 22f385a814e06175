/** A stream of numbers in [0, 1), the same for the same seed. */
export type Random = () => number

/** Creates the sfc32 generator: fast, and good enough that changes do not fall in stripes. */
export function createRandom(seed: number): Random {
  let a = seed | 0
  let b = 0x9e3779b9
  let c = 0x243f6a88
  let d = 0xb7e15162
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return (sum >>> 0) / 4294967296
  }
  // The first values still show the seed.
  for (let i = 0; i < 20; i++) next()
  return next
}

/** Picks an integer from 0 up to, not including, `limit`. */
export function integerBelow(random: Random, limit: number): number {
  return Math.floor(random() * limit)
}
