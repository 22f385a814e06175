import { describe, expect, test } from 'vitest'
import { objectKey } from '../src/contract/object-key.js'
import { type HeldStretch, readAhead, readBuffers, type Stretch } from '../src/engine/read-ahead.js'
import type { ObjectStore } from '../src/repository/object-store.js'

const call = { signal: new AbortController().signal }
const stretches: readonly Stretch[] = Array.from({ length: 5 }, (_, i) => ({
  key: objectKey(`packs/${i}`),
  offset: i * 10,
  length: 100 + i,
}))

/** A store whose bytes are the number of the object; it notes what is asked for, and fails where it is told to. */
function numbers(fails: readonly number[] = []) {
  const asked: number[] = []
  let underWay = 0
  const store: Pick<ObjectStore, 'get'> = {
    get: async function* (key, { range }) {
      const number = Number(key.slice('packs/'.length))
      asked.push(number)
      underWay++
      try {
        expect(underWay).toBe(1)
        expect(range).toEqual({ offset: number * 10, length: 100 + number })
        await new Promise((resolve) => setTimeout(resolve, 1))
        if (fails.includes(number)) throw new Error(`cannot read ${number}`)
        yield new Uint8Array(range?.length ?? 0).fill(number)
      } finally {
        underWay--
      }
    },
  }
  return { store, asked, underWay: () => underWay }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 20))

describe('reading ahead', () => {
  test('gives every stretch in order, whole, one request at a time', async () => {
    const { store, asked } = numbers()
    const seen: number[] = []
    for await (const { stretch, bytes, release } of readAhead(store, stretches, readBuffers(), call)) {
      await settled()
      const [first] = bytes()
      expect(bytes().length).toBe(stretch.length)
      expect(bytes().every((byte) => byte === first)).toBe(true)
      seen.push(first ?? -1)
      release()
    }
    expect(seen).toEqual([0, 1, 2, 3, 4])
    expect(asked).toEqual(seen)
  })

  test('has two in memory, and waits for room before it reads the third', async () => {
    const { store, asked } = numbers()
    const held: HeldStretch<Stretch>[] = []
    const reading = readAhead(store, stretches, readBuffers(), call)
    const take = async () => {
      const next = await reading.next()
      if (next.done !== true) held.push(next.value)
    }
    await take()
    await settled()
    expect(asked).toEqual([0, 1])
    await take()
    await settled()
    expect(asked).toEqual([0, 1])
    held[0]?.release()
    await settled()
    expect(asked).toEqual([0, 1, 2])
    // Reading the third has not touched the second.
    expect(held[1]?.bytes().every((byte) => byte === 1)).toBe(true)
    await reading.return(undefined)
  })

  test('tells a failure with its stretch, and goes on', async () => {
    const { store } = numbers([1, 4])
    const seen: string[] = []
    for await (const { bytes, release } of readAhead(store, stretches, readBuffers(), call)) {
      try {
        seen.push(`read ${bytes()[0]}`)
      } catch (error) {
        seen.push(String(error))
      }
      release()
    }
    expect(seen).toEqual(['read 0', 'Error: cannot read 1', 'read 2', 'read 3', 'Error: cannot read 4'])
  })

  test('reads nothing any more once it was left, or aborted', async () => {
    const left = numbers()
    for await (const _ of readAhead(left.store, stretches, readBuffers(), call)) break
    expect(left.underWay()).toBe(0)
    const controller = new AbortController()
    const aborted = numbers()
    const reading = readAhead(aborted.store, stretches, readBuffers(), controller)
    await reading.next()
    // It waits for room by now.
    await reading.next()
    await settled()
    controller.abort(new Error('stop'))
    await expect(reading.next()).rejects.toThrow('stop')
    expect([left.asked.length, aborted.asked.length]).toEqual([2, 2])
    expect(aborted.underWay()).toBe(0)
  })
})
