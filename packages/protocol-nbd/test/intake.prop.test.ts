import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createIntake } from '../src/wire/intake.js'
import { type Parser, skip, take, waitFor } from '../src/wire/parser.js'
import { pattern } from './support/to-array.js'

type Step = { readonly kind: 'take' | 'fill' | 'skip'; readonly length: number } | { readonly kind: 'wait' }

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('take' as const, 'fill' as const, 'skip' as const),
      length: fc.oneof(fc.nat(40), fc.nat(40_000)),
    }),
    fc.constant({ kind: 'wait' as const }),
  ),
  { maxLength: 12 },
)

/** Does the steps; the result is all bytes that were not skipped. */
function* follow(all: readonly Step[]): Parser<number[]> {
  const seen: number[] = []
  for (const step of all) {
    if (step.kind === 'wait') yield* waitFor(Promise.resolve(1))
    else if (step.kind === 'skip') yield* skip(step.length)
    else if (step.kind === 'take') seen.push(...(yield* take(step.length)))
    else {
      const buffer = new Uint8Array(step.length)
      yield buffer
      seen.push(...buffer)
    }
  }
  return seen
}

function expected(all: readonly Step[], bytes: Uint8Array): number[] {
  let at = 0
  return all.flatMap((step) => {
    if (step.kind === 'wait') return []
    at += step.length
    return step.kind === 'skip' ? [] : [...bytes.subarray(at - step.length, at)]
  })
}

const total = (all: readonly Step[]) => all.reduce((sum, step) => sum + (step.kind === 'wait' ? 0 : step.length), 0)

describe('intake', () => {
  it('gives a parser the same bytes however they are cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1 }), async (all, cuts) => {
        const bytes = pattern(total(all))
        const result = await new Promise<number[]>((resolve, reject) => {
          const intake = createIntake(follow(all), { onResult: resolve, onFailure: reject })
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const length = cuts[turn % cuts.length] ?? 1
            intake.push(bytes.subarray(at, at + length))
            at += length
          }
        })
        expect(result).toEqual(expected(all, bytes))
      }),
      { numRuns: 60 },
    )
  })

  it('gives a parser the same bytes when they are put where it says', () => {
    const noWaits = steps.map((all) => all.filter(({ kind }) => kind !== 'wait'))
    fc.assert(
      fc.property(noWaits, fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1 }), (all, cuts) => {
        const bytes = pattern(total(all))
        let result: number[] | undefined
        const intake = createIntake(follow(all), {
          onResult: (seen) => {
            result = seen
          },
          onFailure: (error) => {
            throw error
          },
        })
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const place = intake.target()
          expect(place.length).toBeGreaterThan(0)
          const length = Math.min(place.length, cuts[turn % cuts.length] ?? 1, bytes.length - at)
          place.set(bytes.subarray(at, at + length))
          intake.filled(length)
          at += length
        }
        expect(result).toEqual(expected(all, bytes))
      }),
      { numRuns: 60 },
    )
  })

  it('stops touching a buffer that was taken away, and goes on after it', () => {
    for (const isDirect of [true, false]) {
      const buffer = new Uint8Array(100)
      let after: number[] = []
      function* parser(): Parser<void> {
        yield buffer
        after = [...(yield 3)]
      }
      const intake = createIntake(parser(), { onResult: () => {}, onFailure: () => {} })
      const put = (...bytes: readonly number[]) => {
        if (!isDirect) return intake.push(Uint8Array.from(bytes))
        for (let at = 0; at < bytes.length; ) {
          const place = intake.target()
          const count = Math.min(place.length, bytes.length - at)
          place.set(bytes.slice(at, at + count))
          intake.filled(count)
          at += count
        }
      }
      put(1, 2, 3)
      let isReturned = false
      intake.divert(() => {
        isReturned = true
      })
      expect(isReturned).toBe(!isDirect)
      put(4)
      expect(isReturned).toBe(true)
      const before = [...buffer]
      put(...Array.from({ length: 96 }, () => 9), 5, 6, 7)
      expect([...buffer]).toEqual(before)
      expect(after).toEqual([5, 6, 7])
    }
  })

  it('tells a parser of the end, and takes nothing afterwards', () => {
    const failures: unknown[] = []
    function* parser(): Parser<void> {
      try {
        yield 5
      } catch {
        throw new RangeError('better')
      }
    }
    const intake = createIntake(parser(), { onResult: () => {}, onFailure: (error) => failures.push(error) })
    intake.fail(new Error('first'))
    intake.fail(new Error('second'))
    intake.push(new Uint8Array(10))
    expect(failures).toEqual([new RangeError('better')])
  })

  it('asks for silence while a parser waits, and keeps what comes', async () => {
    const told: string[] = []
    const gate = Promise.withResolvers<void>()
    const result = Promise.withResolvers<number[]>()
    function* parser(): Parser<number[]> {
      const first = [...(yield 2)]
      yield gate.promise
      return [...first, ...(yield 3)]
    }
    const intake = createIntake(parser(), {
      onResult: result.resolve,
      onFailure: result.reject,
      onWait: () => told.push('wait'),
      onGo: () => told.push('go'),
    })
    intake.push(Uint8Array.from([1, 2, 3]))
    intake.push(Uint8Array.from([4]))
    expect(told).toEqual(['wait'])
    gate.resolve()
    await gate.promise
    await Promise.resolve()
    await Promise.resolve()
    expect(told).toEqual(['wait', 'go'])
    intake.push(Uint8Array.from([5]))
    expect(await result.promise).toEqual([1, 2, 3, 4, 5])
  })
})
