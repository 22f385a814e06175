import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BlockState, blockStates } from '../src/engine/block-states.js'

/** Three pages and a bit. */
const blocks = 3 * 4096 + 100

const place = fc.oneof(fc.nat(blocks), fc.constantFrom(0, 4096, 8192, 12_288, blocks))
const changes = fc.array(fc.tuple(place, place, fc.constantFrom<BlockState>('below', 'data', 'zero')), {
  maxLength: 20,
})

describe('states of blocks', () => {
  test('are those that were set last, in runs as long as they can be', () => {
    fc.assert(
      fc.property(changes, fc.array(fc.tuple(place, place), { maxLength: 10 }), (list, ranges) => {
        const states = blockStates()
        const model = new Array<BlockState>(blocks).fill('below')
        for (const [a, b, state] of list) {
          states.set(Math.min(a, b), Math.max(a, b), state)
          model.fill(state, Math.min(a, b), Math.max(a, b))
        }
        for (const state of ['data', 'zero'] as const)
          expect(states.count(state)).toBe(model.filter((one) => one === state).length)
        for (const [a, b] of [...ranges, [0, blocks] as const]) {
          const end = Math.max(a, b)
          for (let at = Math.min(a, b); at < end; ) {
            const run = states.run(at, end)
            const other = model.findIndex((one, block) => block >= at && one !== model[at])
            expect(run).toEqual({ state: model[at], end: other < 0 ? end : Math.min(end, other) })
            at = run.end
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  test('of all blocks of a huge disk are set at once and take next to no memory', () => {
    const states = blockStates()
    const all = 2 ** 30
    states.set(0, all, 'zero')
    expect(states.run(5, all)).toEqual({ state: 'zero', end: all })
    expect(states.count('zero')).toBe(all)
  })
})
