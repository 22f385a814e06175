import { toArray } from '@holdfast/testkit'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { walkHoles } from '../src/files/hole-map.js'

/** Gaps and lengths: ranges in ascending order, apart from one another. */
const ranges = fc
  .array(fc.record({ gap: fc.integer({ min: 0, max: 50 }), length: fc.integer({ min: 0, max: 60 }) }), {
    maxLength: 12,
  })
  .map((parts) => {
    let end = 0
    return parts.map(({ gap, length }) => {
      const offset = end + gap
      end = offset + length
      return { offset, length }
    })
  })
const answers = fc.func(
  fc.oneof(fc.integer({ min: -10, max: 700 }), fc.constantFrom('none' as const, 'unknown' as const)),
)

it('walking any ranges covers exactly them, whatever the file system answers', async () => {
  await fc.assert(
    fc.asyncProperty(ranges, answers, answers, async (given, nextData, nextHole) => {
      const extents = await toArray(walkHoles(given, { seeker: { nextData, nextHole }, fd: () => 3 }))
      expect(bytesOf(extents)).toEqual(bytesOf(given))
      expect(extents.every(({ length }) => length > 0)).toBe(true)
    }),
    { numRuns: 300 },
  )
})

/** Every byte of some ranges, in their order. */
function bytesOf(all: readonly { readonly offset: number; readonly length: number }[]): readonly number[] {
  return all.flatMap(({ offset, length }) => Array.from({ length }, (_, i) => offset + i))
}
