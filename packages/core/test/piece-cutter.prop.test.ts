import fc from 'fast-check'
import { expect, it } from 'vitest'
import { joinedCuts, pieceCutter } from '../src/engine/piece-cutter.js'
import { type ChunkIdentity, chunkHasher } from '../src/repository/chunk-id.js'

const cutting = { minBytes: 8192, maxBytes: 65_536, maskBits: 2 }
const identities: readonly ChunkIdentity[] = [
  { hash: 'sha-256', idKey: undefined },
  { hash: 'sha-256', idKey: new Uint8Array(32).fill(5) },
]

/** Runs of blocks up to a region: zeros, blocks of one letter, and blocks that are all different. */
const pieces = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 64 })), { minLength: 1, maxLength: 16 })
  .map((runs) => Buffer.concat(runs.flatMap(([letter, count]) => Array.from({ length: count }, () => block(letter)))))

let number = 0
function block(letter: number): Buffer {
  const bytes = Buffer.alloc(4096, letter)
  if (letter === 3) bytes.writeUInt32LE(Math.imul(++number, 0x9e3779b1) >>> 0)
  return bytes
}

it('cuts alike whether it remembers or not, and covers every piece with chunks of the ids that they hash to', () => {
  const cut = pieceCutter({ cutting, identities, alike: false })
  const remembering = pieceCutter({ cutting, identities, alike: true })
  fc.assert(
    fc.property(pieces, (piece) => {
      const plain = cut(piece)
      expect(remembering(piece)).toEqual(plain)
      expect(remembering(Buffer.from(piece))).toEqual(plain)
      expect(plain.lengths.reduce((sum, length) => sum + length, 0)).toBe(piece.length)
      let at = 0
      plain.lengths.forEach((length, i) => {
        const chunk = piece.subarray(at, at + length)
        at += length
        identities.forEach((identity, k) => {
          const id = plain.ids[k]?.subarray(i * 32, (i + 1) * 32)
          const wanted = chunk.every((byte) => byte === 0) ? Buffer.alloc(32) : chunkHasher(identity)(chunk)
          expect(Buffer.from(id ?? [])).toEqual(Buffer.from(wanted))
        })
      })
    }),
    { numRuns: 40 },
  )
})

it('joins the chunks of pieces in order, one column an identity', () => {
  fc.assert(
    fc.property(fc.array(pieces, { minLength: 1, maxLength: 4 }), (several) => {
      const cut = pieceCutter({ cutting, identities, alike: false })
      const cuts = several.map(cut)
      const joined = joinedCuts(cuts, identities.length)
      expect([...joined.lengths]).toEqual(cuts.flatMap(({ lengths }) => [...lengths]))
      identities.forEach((_, k) => {
        expect(Buffer.from(joined.ids[k] ?? [])).toEqual(
          Buffer.concat(cuts.map(({ ids }) => ids[k] ?? Buffer.alloc(0))),
        )
      })
    }),
  )
})
