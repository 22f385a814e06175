import { expect, it } from 'vitest'
import { copyBytes } from '../src/repository/bytes.js'

const shared = (bytes: number) => new Uint8Array(new SharedArrayBuffer(bytes))
const own = (bytes: number) => new Uint8Array(bytes)

it.each([
  ['shared', 'shared', shared, shared],
  ['shared', 'own', shared, own],
  ['own', 'shared', own, shared],
])('copies a part of %s memory to a place in %s memory, and refuses what does not fit', (_from, _to, a, b) => {
  const from = a(100).map((_, i) => i)
  const to = b(50)
  copyBytes(from.subarray(10, 30), to.subarray(5), 20)
  expect([...to]).toEqual([...new Array(25).fill(0), ...from.subarray(10, 30), ...new Array(5).fill(0)])
  expect(() => copyBytes(from.subarray(10, 30), to, 31)).toThrow(RangeError)
  expect(() => copyBytes(from, to, 0)).toThrow(RangeError)
})
