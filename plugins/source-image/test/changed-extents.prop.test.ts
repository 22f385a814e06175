import type { ByteRange, ImageExtent } from '@holdfast/formats'
import { toArray } from '@holdfast/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { changedExtents } from '../src/tracking/changed-extents.js'
import { call } from './support/machines.js'

const sizeBytes = 60
const kinds = ['data', 'zero', 'unallocated'] as const
const disk = fc.array(fc.record({ kind: fc.constantFrom(...kinds), depth: fc.integer({ min: 0, max: 3 }) }), {
  minLength: sizeBytes,
  maxLength: sizeBytes,
})
const marked = fc.array(fc.boolean(), { minLength: sizeBytes, maxLength: sizeBytes })

it('what changed is all that new layers hold and all that lies in the ranges, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(disk, marked, fc.integer({ min: 0, max: 3 }), async (bytes, inRange, newLayers) => {
      const content = { sizeBytes, extents: (range: ByteRange) => runs(bytes, range) }
      const ranges = () => rangesOf(inRange)
      const changed = await toArray(changedExtents(content, { newLayers, ranges }, call.signal))
      let end = 0
      const seen: (string | undefined)[] = Array.from({ length: sizeBytes })
      for (const { offset, length, kind } of changed) {
        expect(offset).toBeGreaterThanOrEqual(end)
        expect(length).toBeGreaterThan(0)
        end = offset + length
        seen.fill(kind, offset, end)
      }
      const expected = bytes.map(({ kind, depth }, at) => (depth < newLayers || inRange[at] ? kind : undefined))
      expect(seen).toEqual(expected)
    }),
    { numRuns: 500 },
  )
})

async function* runs(bytes: readonly Pick<ImageExtent, 'kind' | 'depth'>[], { offset, length }: ByteRange) {
  let start = offset
  for (let at = offset + 1; at <= offset + length; at += 1) {
    const [here, before] = [bytes[at], bytes[at - 1]]
    if (at < offset + length && here?.kind === before?.kind && here?.depth === before?.depth) continue
    if (before !== undefined) yield { ...before, offset: start, length: at - start }
    start = at
  }
}

function* rangesOf(inRange: readonly boolean[]): Generator<ByteRange> {
  let start: number | undefined
  for (let at = 0; at <= inRange.length; at += 1) {
    if (inRange[at] === true) start ??= at
    else if (start !== undefined) {
      yield { offset: start, length: at - start }
      start = undefined
    }
  }
}
