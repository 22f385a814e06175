import { describe, expect, it } from 'vitest'
import { inTurn, turns } from '../src/turn.js'

const { signal } = new AbortController()
const soon = () => new Promise<void>((resolve) => setTimeout(resolve, 5))

describe('turns', () => {
  it('lets one at a time go on, in the order in which they came', async () => {
    const next = turns()
    const order: string[] = []
    const work = async (name: string) => {
      const turn = next()
      await turn.take(signal)
      order.push(`${name} begins`)
      await soon()
      order.push(`${name} ends`)
      turn.give()
    }
    await Promise.all([work('a'), work('b'), work('c')])
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
  })

  it('is kept by who takes it again, and given back once', async () => {
    const next = turns()
    const [first, second, third] = [next(), next(), next()]
    await first.take(signal)
    await first.take(signal)
    const waiting = second.take(signal)
    first.give()
    await waiting
    first.give()
    let third_ = false
    const last = third.take(signal).then(() => {
      third_ = true
    })
    await soon()
    expect(third_).toBe(false)
    second.give()
    await last
  })

  it('skips who was aborted while waiting', async () => {
    const next = turns()
    const [first, second, third] = [next(), next(), next()]
    await first.take(signal)
    const abort = new AbortController()
    const waiting = second.take(abort.signal)
    const last = third.take(signal)
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    first.give()
    await last
    await expect(next().take(abort.signal)).rejects.toThrow('enough')
  })
})

describe('inTurn', () => {
  it('keeps the turn from the first part to the end of a body that is there', async () => {
    const next = turns()
    const [own, other] = [next(), next()]
    async function* body() {
      for (let part = 0; part < 3; part++) yield new Uint8Array([part])
    }
    const parts: number[] = []
    let overtaken = false
    for await (const [part] of inTurn(body(), own, signal)) {
      if (parts.length === 0) {
        void other.take(signal).then(() => {
          overtaken = true
        })
      }
      await soon()
      parts.push(part as number)
    }
    await soon()
    expect(parts).toEqual([0, 1, 2])
    expect(overtaken).toBe(false)
    own.give()
    await soon()
    expect(overtaken).toBe(true)
  })

  it('does not make others wait for a body that is slow to come', async () => {
    const next = turns()
    const other = next()
    let overtake = () => {}
    const overtaken = new Promise<void>((resolve) => {
      overtake = resolve
    })
    // The second part only comes after another had its turn.
    async function* body() {
      yield new Uint8Array([1])
      await overtaken
      yield new Uint8Array([2])
    }
    const own = next()
    const parts: number[] = []
    for await (const [part] of inTurn(body(), own, signal)) {
      if (parts.length === 0) {
        void other.take(signal).then(() => {
          other.give()
          overtake()
        })
      }
      parts.push(part as number)
    }
    expect(parts).toEqual([1, 2])
  })
})
