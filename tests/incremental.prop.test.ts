import { sparseDisk } from '@holdfast/testkit/arbitraries'
import { failNth, faultyTarget } from '@holdfast/testkit/faults'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBytes, lab } from './support/lab.js'

/** A write by the guest: where, how much, and what; zeros punch a hole in what was there. */
interface Edit {
  readonly at: number
  readonly length: number
  readonly seed: number
}

const edits = fc.array(fc.record({ at: fc.nat(), length: fc.integer({ min: 1, max: 300_000 }), seed: fc.nat(20) }), {
  maxLength: 6,
})

function apply(source: ReturnType<typeof memorySource>, sizeBytes: number, list: readonly Edit[]): void {
  for (const { at, length, seed } of list) {
    const offset = at % sizeBytes
    const size = Math.min(length, sizeBytes - offset)
    source.mutate('m', 'd', offset, seed === 0 ? new Uint8Array(size) : seededBytes(size, seed))
  }
}

/** Disks around the sizes at which the tree changes its shape. */
const disks = fc.oneof(
  sparseDisk(400_000).map(({ bytes }) => bytes),
  fc.integer({ min: 1, max: 2 ** 22 * 3 }).map((size) => {
    const bytes = new Uint8Array(size)
    bytes.set(seededBytes(Math.min(size, 900_000), size))
    return bytes
  }),
)

describe('incremental runs', () => {
  test('restore what the guest held, after any edits', async () => {
    await fc.assert(
      fc.asyncProperty(disks, fc.array(edits, { minLength: 1, maxLength: 3 }), async (bytes, rounds) => {
        const { init, run, points, restore } = lab({ workers: 1 })
        const target = { name: 'a', plugin: memoryTarget() }
        const source = memorySource({ machines: [{ name: 'm', disks: { d: bytes } }] })
        await init(target)
        await run(source, [target])
        for (const round of rounds) {
          apply(source, bytes.length, round)
          const report = await run(source, [target])
          expect(report.machines[0]?.disks[0]?.tracking.mode).toBe('incremental')
          const newest = (await points(target)).at(-1)
          const restored = newest && (await restore(target, newest.point))
          expect(equalBytes(restored?.get('d'), source.bytes('m', 'd'))).toBe(true)
        }
      }),
      { numRuns: 20 },
    )
  })

  test('two targets of which one misses a run both hold what the guest held', async () => {
    await fc.assert(
      fc.asyncProperty(disks, edits, edits, fc.boolean(), async (bytes, first, second, miss) => {
        const { init, run, points, restore } = lab({ workers: 1 })
        const steady = { name: 'steady', plugin: memoryTarget() }
        const memory = memoryTarget()
        const flaky = { name: 'flaky', plugin: memory }
        const down = {
          name: 'flaky',
          plugin: faultyTarget(
            memory,
            failNth({ operation: 'put', subject: 'points/' }, () => new Error('down')),
          ),
        }
        const source = memorySource({ machines: [{ name: 'm', disks: { d: bytes } }] })
        await init(steady, flaky)
        await run(source, [steady, flaky])
        apply(source, bytes.length, first)
        const missed = await run(source, [steady, miss ? down : flaky])
        expect(missed.status).toBe(miss ? 'partial' : 'done')
        apply(source, bytes.length, second)
        const report = await run(source, [flaky, steady])
        expect(report.status).toBe('done')
        expect(report.machines[0]?.disks[0]?.tracking.mode).toBe(miss ? 'full' : 'incremental')
        for (const target of [steady, flaky]) {
          const newest = (await points(target)).at(-1)
          const restored = newest && (await restore(target, newest.point))
          expect(equalBytes(restored?.get('d'), source.bytes('m', 'd'))).toBe(true)
        }
      }),
      { numRuns: 10 },
    )
  })
})
