import { describe, expect, test } from 'vitest'
import { newPackRoom, packRoom } from '../src/repository/pack-room.js'

describe('a pack room', () => {
  test('gives each claim its own bytes, one after the other, from whichever thread it comes', () => {
    const here = newPackRoom(1000)
    const there = packRoom(here.memory)
    here.startAt(64)
    const claims = [here.claim(10), there.claim(20), here.claim(0), there.claim(5)]
    expect(claims.map(({ offset, bytes }) => [offset, bytes.length])).toEqual([
      [64, 10],
      [74, 20],
      [94, 0],
      [94, 5],
    ])
    claims.forEach(({ bytes }, i) => void bytes.fill(i + 1))
    expect([...here.whole.subarray(64, 99)]).toEqual([...Array(10).fill(1), ...Array(20).fill(2), ...Array(5).fill(4)])
  })

  test('holds what it was made for, starts anew, and refuses what does not fit', () => {
    const room = newPackRoom(100_000)
    room.claim(100_000).bytes.fill(9)
    expect(room.whole.length).toBeGreaterThanOrEqual(100_000)
    room.startAt(0)
    expect(room.claim(1).offset).toBe(0)
    expect(() => room.claim(room.whole.length)).toThrow(RangeError)
  })
})
