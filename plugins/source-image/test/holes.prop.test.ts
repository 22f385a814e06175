import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ByteRange } from '@holdfast/formats'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { mergeRanges } from '../src/machines/byte-range.js'
import { call, filled, machineRoot, openSource, refOf, tokens, writeSparse } from './support/machines.js'

const sizes = fc.oneof(
  fc.integer({ min: 0, max: 300_000 }),
  fc.integer({ min: 0, max: 64 }).map((blocks) => blocks * 4096),
)
const places = fc.array(fc.tuple(fc.integer({ min: 0, max: 300_000 }), fc.integer({ min: 1, max: 20_000 })), {
  maxLength: 12,
})
const ranges = fc.array(
  fc.record({ offset: fc.integer({ min: 0, max: 500 }), length: fc.integer({ min: 0, max: 60 }) }),
  { maxLength: 12 },
)

it('extents of any sparse file are in order, cover it, and reading them alone gives every byte', async () => {
  const root = machineRoot()
  root.folder('web')
  const file = join(root.path, 'web', 'a.raw')
  const session = await openSource(root.path)
  await fc.assert(
    fc.asyncProperty(sizes, places, async (sizeBytes, writes) => {
      const expected = new Uint8Array(sizeBytes)
      const pieces = writes
        .filter(([offset]) => offset < sizeBytes)
        .map(([offset, length], seed) => [offset, filled(Math.min(length, sizeBytes - offset), seed)] as const)
      for (const [offset, bytes] of pieces) expected.set(bytes, offset)
      rmSync(file, { force: true })
      writeSparse(file, sizeBytes, pieces)
      const prepared = await session.prepare(await refOf(session, 'web'), { previous: tokens({}) }, call)
      await using taken = await prepared.take(call)
      const [disk] = taken.disks
      const restored = new Uint8Array(sizeBytes)
      let end = 0
      for await (const { offset, length, kind } of disk!.extents(undefined, call)) {
        expect(offset).toBe(end)
        expect(length).toBeGreaterThan(0)
        end = offset + length
        if (kind === 'data') await disk!.readInto(offset, restored.subarray(offset, end), call)
      }
      expect(end).toBe(sizeBytes)
      expect(Buffer.compare(restored, expected)).toBe(0)
    }),
    { numRuns: 60 },
  )
})

it('merged ranges hold the same bytes, in order and apart', () => {
  const bytes = (all: readonly ByteRange[]) =>
    new Set(all.flatMap(({ offset, length }) => Array.from({ length }, (_, i) => offset + i)))
  fc.assert(
    fc.property(ranges, (given) => {
      const merged = mergeRanges(given)
      expect([...bytes(merged)].sort()).toEqual([...bytes(given)].sort())
      for (const [index, { offset, length }] of merged.entries()) {
        expect(length).toBeGreaterThan(0)
        const next = merged[index + 1]
        if (next !== undefined) expect(next.offset).toBeGreaterThan(offset + length)
      }
    }),
  )
})
