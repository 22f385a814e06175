import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isNbdError } from '../src/index.js'
import { createCoverage } from '../src/wire/coverage.js'

const parts = fc
  .uniqueArray(fc.integer({ min: 1, max: 999 }), { minLength: 0, maxLength: 40 })
  .map((cuts) => [0, ...cuts.toSorted((a, b) => a - b), 1000])
  .map((edges) => edges.slice(1).map((to, index) => ({ from: edges[index] ?? 0, to })))

describe('coverage', () => {
  it('is complete exactly when every part came, in whatever order', () => {
    fc.assert(
      fc.property(
        parts.chain((all) => fc.shuffledSubarray(all, { minLength: all.length })),
        (all) => {
          const coverage = createCoverage(0, 1000)
          for (const { from, to } of all) {
            expect(coverage.isComplete()).toBe(false)
            coverage.add(from, to)
          }
          expect(coverage.isComplete()).toBe(true)
        },
      ),
    )
  })

  it('refuses a part of which a byte came before', () => {
    fc.assert(
      fc.property(
        parts.chain((all) => fc.shuffledSubarray(all, { minLength: 1 })),
        fc.nat(998),
        fc.integer({ min: 1, max: 300 }),
        (some, from, length) => {
          const coverage = createCoverage(0, 1000)
          for (const part of some) coverage.add(part.from, part.to)
          const to = from + length
          const overlaps = some.some((part) => part.from < to && from < part.to)
          if (overlaps) expect(() => coverage.add(from, to)).toThrow(expect.toSatisfy(isNbdError))
          else expect(() => coverage.add(from, to)).not.toThrow()
        },
      ),
    )
  })

  it.each([
    [99, 110],
    [129, 150],
    [150, 201],
    [110, 121],
    [120, 130],
  ])('refuses %i to %i, which shares a byte with a neighbour', (from, to) => {
    const coverage = createCoverage(0, 1000)
    for (const [start, end] of [
      [0, 100],
      [120, 130],
      [200, 300],
    ] as const)
      coverage.add(start, end)
    expect(() => coverage.add(from, to)).toThrow(expect.toSatisfy(isNbdError))
  })

  it('takes no more than so many parts with gaps', () => {
    const coverage = createCoverage(0, 10_000)
    const addAll = () => {
      for (let at = 0; at < 10_000; at += 2) coverage.add(at, at + 1)
    }
    expect(addAll).toThrow(expect.toSatisfy((error) => isNbdError(error) && error.code === 'limit'))
  })
})
