import { expect, test } from 'vitest'
import type { Clock } from '../src/contract/context.js'
import { throttleTo } from '../src/engine/throttle.js'

const options = { signal: new AbortController().signal }

function fakeClock(): Clock & { readonly elapsedMs: () => number } {
  let at = 1_000_000
  return {
    now: () => new Date(at),
    sleep: async (ms) => {
      at += ms
    },
    elapsedMs: () => at - 1_000_000,
  }
}

test.for([100_000, 1_000_000, 7_777])('lets %i bytes a second pass on average', async (rate) => {
  const clock = fakeClock()
  const throttle = throttleTo(rate, clock)
  let passed = 0
  for (let i = 0; i < 200; i++) {
    const bytes = 1 + ((i * 7919) % 50_000)
    await throttle(bytes, options)
    passed += bytes
  }
  const seconds = clock.elapsedMs() / 1000
  expect(passed).toBeLessThanOrEqual(rate * (seconds + 1) + 50_000)
  expect(passed).toBeGreaterThanOrEqual(rate * (seconds - 1))
})

test('without a rate never waits', async () => {
  const clock = fakeClock()
  await throttleTo(undefined, clock)(1e12, options)
  expect(clock.elapsedMs()).toBe(0)
})
