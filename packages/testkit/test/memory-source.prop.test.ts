import type { DiskId } from '@holdfast/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededBytes, seededImage } from '../src/images/index.js'
import { testContext, toArray } from '../src/index.js'
import { memorySource } from '../src/memory/index.js'

const call = { signal: new AbortController().signal }
const sizeBytes = 300_001

test('applying the changed extents of any writes turns the earlier capture into the later one', async () => {
  const write = fc.record({
    offset: fc.nat(sizeBytes - 1),
    length: fc.integer({ min: 1, max: 20_000 }),
    seed: fc.nat(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 6 }), fc.array(write, { maxLength: 6 }), async (early, late) => {
      const source = memorySource({ machines: [{ name: 'vm', disks: { root: seededImage(sizeBytes, 1) } }] })
      const apply = (writes: typeof early): void => {
        for (const { offset, length, seed } of writes) {
          const size = Math.min(length, sizeBytes - offset)
          source.mutate('vm', 'root', offset, seed % 3 === 0 ? new Uint8Array(size) : seededBytes(size, seed))
        }
      }
      const session = await source.open(testContext({ tempDir: '.' }))
      const [machine] = await toArray(session.discover({}, call))
      if (machine === undefined) throw new Error('There is no machine.')
      apply(early)
      const first = await (await session.prepare(machine, { previous: new Map() }, call)).take(call)
      const token = first.disks[0]?.changeToken
      if (token === undefined) throw new Error('There is no token.')
      apply(late)
      const previous = new Map([['root' as DiskId, token]])
      const second = await (await session.prepare(machine, { previous }, call)).take(call)
      const merged = new Uint8Array(sizeBytes)
      await first.disks[0]?.readInto(0, merged, call)
      for (const { offset, length, kind } of await toArray(second.disks[0]?.extents(token, call) ?? nothing())) {
        const part = merged.subarray(offset, offset + length)
        if (kind === 'data') await second.disks[0]?.readInto(offset, part, call)
        else part.fill(0)
      }
      expect(Buffer.compare(merged, source.bytes('vm', 'root'))).toBe(0)
    }),
    { numRuns: 60 },
  )
})

async function* nothing(): AsyncGenerator<never> {}
