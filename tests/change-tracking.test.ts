import type { Fault } from '@holdfast/testkit/faults'
import { faultySource, faultyTarget } from '@holdfast/testkit/faults'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { describe, expect, test } from 'vitest'
import { equalBytes, lab } from './support/lab.js'
import { dottedImage, withDisks } from './support/sources.js'

const { init, run, points, restore } = lab({ workers: 1 })

/** Counts calls and bytes. */
function meter(): { readonly fault: Fault; readonly take: () => { calls: number; bytes: number } } {
  let count = { calls: 0, bytes: 0 }
  return {
    fault: {
      before: () => {
        count.calls++
      },
      bytes: (piece) => {
        count.bytes += piece.length
        return piece
      },
    },
    take: () => {
      const taken = count
      count = { calls: 0, bytes: 0 }
      return taken
    },
  }
}

describe('with change tokens', () => {
  test('an incremental run reads little more than what changed', async () => {
    const target = { name: 't', plugin: memoryTarget() }
    await init(target)
    const reads = meter()
    const memory = memorySource({ machines: [{ name: 'm', disks: { d: seededBytes(24_000_000, 1) } }] })
    const source = faultySource(memory, reads.fault)
    await run(source, [target])
    expect(reads.take().bytes).toBe(24_000_000)
    for (let i = 0; i < 4; i++) memory.mutate('m', 'd', i * 5_000_000, seededBytes(8192, i + 2))
    const report = await run(source, [target])
    const { bytes } = reads.take()
    expect(report.machines[0]?.disks[0]?.readBytes).toBe(bytes)
    expect(bytes).toBeGreaterThanOrEqual(4 * 8192)
    expect(bytes).toBeLessThan(4 * 2 * 524_288)
    const newest = (await points(target)).at(-1)
    expect(equalBytes(newest && (await restore(target, newest.point)).get('d'), memory.bytes('m', 'd'))).toBe(true)
  })

  test('an unchanged run costs the same for 1 GiB and for 64 GiB', async () => {
    const costs = []
    for (const sizeBytes of [2 ** 30, 2 ** 36]) {
      const inner = memoryTarget()
      await init({ name: 't', plugin: inner })
      const reads = meter()
      const stores = meter()
      const image = dottedImage(sizeBytes, sizeBytes / 16)
      const source = faultySource(memorySource({ machines: [{ name: 'm', disks: { d: image } }] }), reads.fault)
      const target = { name: 't', plugin: faultyTarget(inner, stores.fault) }
      expect((await run(source, [target])).status).toBe('done')
      reads.take()
      stores.take()
      const report = await run(source, [target])
      expect(report.machines[0]?.disks[0]).toMatchObject({ readBytes: 0, tracking: { mode: 'incremental' } })
      expect(report.targets[0]?.newChunks).toBe(0)
      costs.push({ reads: reads.take(), stores: stores.take() })
    }
    const [small, large] = costs
    expect(large?.reads).toEqual(small?.reads)
    expect(small?.reads.bytes).toBe(0)
    expect(large?.stores.calls).toBe(small?.stores.calls)
    expect(large?.stores.bytes).toBeLessThan((small?.stores.bytes ?? 0) + 4096)
  })

  test('a disk that was resized goes full alone, whatever the source says', async () => {
    const target = { name: 't', plugin: memoryTarget() }
    await init(target)
    const machine = (sizeBytes: number) =>
      memorySource({ machines: [{ name: 'm', disks: { d: seededBytes(sizeBytes, 1), e: seededBytes(300_000, 2) } }] })
    await run(machine(1_000_000), [target])
    const grown = machine(1_500_000)
    const insisting = withDisks(grown, (disk) => ({
      ...disk,
      tracking: { mode: 'incremental', reason: 'the source insists' },
      extents: (since, options) => (since === undefined ? disk.extents(undefined, options) : (async function* () {})()),
    }))
    const report = await run(insisting, [target])
    expect(report.machines[0]?.disks.map(({ disk, tracking }) => [disk, tracking.mode])).toEqual([
      ['d', 'full'],
      ['e', 'incremental'],
    ])
    expect(report.machines[0]?.disks[0]?.tracking.reason).toContain('resized')
    const newest = (await points(target)).at(-1)
    const restored = newest && (await restore(target, newest.point))
    for (const disk of ['d', 'e']) expect(equalBytes(restored?.get(disk), grown.bytes('m', disk))).toBe(true)
  })

  test('a source that forgot its tracking goes full and says why', async () => {
    const target = { name: 't', plugin: memoryTarget() }
    await init(target)
    const source = memorySource({ machines: [{ name: 'm', disks: { d: seededBytes(300_000, 1) } }] })
    await run(source, [target])
    source.mutate('m', 'd', 1000, seededBytes(10, 2))
    source.resetTracking('m', 'd')
    const report = await run(source, [target])
    expect(report.machines[0]?.disks[0]?.tracking).toEqual({ mode: 'full', reason: 'the change token is unknown' })
    const newest = (await points(target)).at(-1)
    expect(equalBytes(newest && (await restore(target, newest.point)).get('d'), source.bytes('m', 'd'))).toBe(true)
  })
})
