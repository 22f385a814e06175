import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFilesystemError } from '../src/filesystem-error.js'
import { decompressLznt1 } from '../src/ntfs/lznt1.js'
import { decodeRuns } from '../src/ntfs/run-list.js'

const volumeClusters = 2 ** 40

describe('runs of clusters', () => {
  it('are decoded as they were encoded', () => {
    const run = fc.record({
      count: fc.integer({ min: 1, max: 2 ** 30 }),
      cluster: fc.option(fc.integer({ min: 0, max: 2 ** 39 }), { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(run, { maxLength: 30 }), fc.nat({ max: 2 ** 30 }), (runs, firstCluster) => {
        const endCluster = firstCluster + runs.reduce((sum, { count }) => sum + count, 0)
        const pairs = encodeRuns(runs)
        let start = firstCluster
        const expected = runs.map(({ count, cluster }) => {
          const at = start
          start += count
          return { start: at, count, ...(cluster !== undefined && { cluster }) }
        })
        expect([...decodeRuns({ pairs, firstCluster, endCluster }, volumeClusters, {})]).toEqual(expected)
      }),
    )
  })

  it('of any bytes are within the volume and in order, or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(), fc.nat(), (pairs, firstCluster, more) => {
        let next = firstCluster
        try {
          for (const { start, count, cluster = 0 } of decodeRuns(
            { pairs, firstCluster, endCluster: firstCluster + more },
            1000,
            {},
          )) {
            expect([start, count > 0, cluster >= 0 && (cluster === 0 || cluster + count <= 1000)]).toEqual([
              next,
              true,
              true,
            ])
            next += count
          }
          expect(next).toBe(firstCluster + more)
        } catch (error) {
          if (!isFilesystemError(error)) throw error
        }
      }),
    )
  })
})

describe('LZNT1', () => {
  it('gives back what was compressed', () => {
    // Few letters, so that there is much to match.
    const content = fc.array(fc.constantFrom(1, 2, 3), { maxLength: 9000 }).map((bytes) => Uint8Array.from(bytes))
    fc.assert(
      fc.property(content, (plain) => {
        const into = new Uint8Array(plain.byteLength)
        decompressLznt1(compress(plain), into, {})
        expect(Buffer.from(into).equals(plain)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('of any bytes gives something or is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        try {
          decompressLznt1(Uint8Array.of((tail.length - 1) & 0xff, 0xb0, ...tail), new Uint8Array(8192), {})
        } catch (error) {
          if (!isFilesystemError(error)) throw error
        }
      }),
    )
  })
})

function encodeRuns(runs: readonly { readonly count: number; readonly cluster: number | undefined }[]): Uint8Array {
  const bytes: number[] = []
  let last = 0
  for (const { count, cluster } of runs) {
    const length = signedBytes(count)
    const move = cluster === undefined ? [] : signedBytes(cluster - last)
    bytes.push(move.length * 16 + length.length, ...length, ...move)
    last = cluster ?? last
  }
  return Uint8Array.from([...bytes, 0])
}

/** The fewest bytes that hold a number and its sign. */
function signedBytes(value: number): readonly number[] {
  const bytes: number[] = []
  let rest = BigInt(value)
  do {
    bytes.push(Number(rest & 0xffn))
    rest >>= 8n
  } while (!(rest === 0n && bytes.at(-1)! < 0x80) && !(rest === -1n && bytes.at(-1)! >= 0x80))
  return bytes
}

/** Compresses greedily, by the rule that the position in the chunk divides the bits of a match. */
function compress(plain: Uint8Array): Uint8Array {
  const out: number[] = []
  for (let from = 0; from < plain.byteLength; from += 4096) {
    const chunk = plain.subarray(from, from + 4096)
    const body: number[] = []
    for (let at = 0; at < chunk.byteLength; ) {
      let flags = 0
      const group: number[] = []
      for (let bit = 0; bit < 8 && at < chunk.byteLength; bit++) {
        const backBits = Math.max(4, Math.ceil(Math.log2(Math.max(at, 1))))
        const match = longestMatch(chunk, at, 2 ** backBits, 2 ** (16 - backBits) + 2)
        if (match.length < 3) group.push(chunk[at++]!)
        else {
          const token = (match.back - 1) * 2 ** (16 - backBits) + match.length - 3
          flags |= 1 << bit
          group.push(token & 0xff, token >>> 8)
          at += match.length
        }
      }
      body.push(flags, ...group)
    }
    const header = 0xb000 | (body.length - 1)
    out.push(header & 0xff, header >>> 8, ...body)
  }
  return Uint8Array.from(out)
}

function longestMatch(chunk: Uint8Array, at: number, mostBack: number, mostLength: number) {
  let best = { back: 0, length: 0 }
  for (let back = 1; back <= Math.min(at, mostBack, 300); back++) {
    let length = 0
    while (length < mostLength && at + length < chunk.byteLength && chunk[at + length] === chunk[at + length - back])
      length++
    if (length > best.length) best = { back, length }
  }
  return best
}
