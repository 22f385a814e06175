import { createCipheriv, createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockBytes, cutPiece, defaultCutting, regionBytes } from '../src/repository/chunk-cutter.js'

/** Noise that a seed fixes. */
function seededBytes(sizeBytes: number, seed: number): Uint8Array {
  const key = createHash('sha256').update(String(seed)).digest()
  const noise = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes))
  return Uint8Array.from(noise)
}

const pieces = fc
  .record({
    blocks: fc.integer({ min: 0, max: 600 }),
    rest: fc.nat(blockBytes - 1),
    seed: fc.nat(1000),
    flat: fc.boolean(),
  })
  .filter(({ blocks, rest }) => blocks + rest > 0)
  .map(({ blocks, rest, seed, flat }) => {
    const size = blocks * blockBytes + rest
    return flat ? new Uint8Array(size).fill(seed) : seededBytes(size, seed)
  })

describe('cutting', () => {
  test('covers a piece with chunks of legal length, always the same', () => {
    fc.assert(
      fc.property(pieces, (piece) => {
        const lengths = [...cutPiece(piece, defaultCutting)]
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(piece.length)
        lengths.forEach((length, i) => {
          expect(length).toBeLessThanOrEqual(defaultCutting.maxBytes)
          if (i === lengths.length - 1) return
          expect(length).toBeGreaterThanOrEqual(defaultCutting.minBytes)
          expect(length % blockBytes).toBe(0)
        })
        expect([...cutPiece(piece.slice(), defaultCutting)]).toEqual(lengths)
      }),
      { numRuns: 60 },
    )
  })

  test('finds the same chunks again behind an insertion of blocks', () => {
    const content = seededBytes(regionBytes, 42)
    const chunksOf = (bytes: Uint8Array) => {
      let at = 0
      return [...cutPiece(bytes, defaultCutting)].map((length) => {
        at += length
        return createHash('sha256')
          .update(bytes.subarray(at - length, at))
          .digest('hex')
      })
    }
    const original = new Set(chunksOf(content))
    for (const blocks of [1, 2, 7, 50]) {
      const shifted = Buffer.concat([seededBytes(blocks * blockBytes, blocks), content])
      const found = chunksOf(shifted).filter((digest) => original.has(digest))
      expect(found.length).toBeGreaterThan(original.size * 0.6)
    }
  })
})
