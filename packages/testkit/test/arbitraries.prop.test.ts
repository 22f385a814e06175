import { objectKey } from '@holdfast/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  chunkSplits,
  contents,
  extents,
  hostileKeys,
  objectKeys,
  ranges,
  sparseDisk,
} from '../src/arbitraries/index.js'

test('generated extents ascend, do not overlap and stay on the disk', () => {
  fc.assert(
    fc.property(extents(10_000), (generated) => {
      let end = 0
      for (const { offset, length } of generated) {
        expect(offset).toBeGreaterThanOrEqual(end)
        expect(length).toBeGreaterThan(0)
        end = offset + length
      }
      expect(end).toBeLessThanOrEqual(10_000)
    }),
  )
})

test('generated disks read as zeros outside their data extents', () => {
  fc.assert(
    fc.property(sparseDisk(20_000), ({ bytes, extents: generated }) => {
      const outside = bytes.slice()
      for (const { offset, length, kind } of generated) if (kind === 'data') outside.fill(0, offset, offset + length)
      expect(outside.every((byte) => byte === 0)).toBe(true)
    }),
    { numRuns: 50 },
  )
})

test('generated disks do hold data', () => {
  const disks = fc.sample(sparseDisk(20_000), 50)
  expect(disks.filter(({ bytes }) => bytes.some((byte) => byte !== 0)).length).toBeGreaterThan(10)
})

test('generated keys are legal and hostile ones are not', () => {
  fc.assert(fc.property(objectKeys(), (key) => objectKey(key) === key))
  fc.assert(
    fc.property(hostileKeys(), (text) => {
      expect(() => objectKey(text)).toThrow('not a legal object key')
    }),
  )
})

test('generated splits join to the bytes again', () => {
  fc.assert(
    fc.property(
      contents(2_000).chain((bytes) => fc.tuple(fc.constant(bytes), chunkSplits(bytes))),
      ([bytes, pieces]) => {
        expect(Buffer.compare(Buffer.concat(pieces), bytes)).toBe(0)
        expect(pieces.every(({ length }) => length > 0)).toBe(true)
      },
    ),
  )
})

test('generated ranges lie inside', () => {
  fc.assert(fc.property(ranges(1_000), ({ offset, length }) => offset >= 0 && length > 0 && offset + length <= 1_000))
})
