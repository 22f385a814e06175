import { restorePoints, workerPool } from '@holdfast/core/engine'
import { seededBytes, seededNumbers } from '@holdfast/testkit/images'
import { memorySource } from '@holdfast/testkit/memory'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { equalBytes, lab } from './support/lab.js'
import { shelf, tape } from './support/tape.js'

/** Disks of which each is made of a few pieces that others have too, and of holes. */
function disk(sizeBytes: number, random: () => number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  for (let at = 0; at < sizeBytes; ) {
    const length = Math.min(sizeBytes - at, 4096 * (1 + (random() % 60)))
    const seed = random() % 12
    if (seed > 2) bytes.set(seededBytes(length, seed), at)
    at += length
  }
  return bytes
}

test('whatever machines and points, and however few places at a time: one pass, and every byte is right', async () => {
  const machine = fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: 9_000_000 }), { minLength: 1, maxLength: 3 }),
    days: fc.integer({ min: 1, max: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(machine, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 300 }),
      fc.nat(1_000_000),
      async (machines, placesAtOnce, seed) => {
        const { init, run, open, points } = lab({ workers: 1 })
        const call = { signal: new AbortController().signal }
        const random = seededNumbers(seed)
        const target = tape()
        await init(target)
        const source = memorySource({
          machines: machines.map(({ sizes }, i) => ({
            name: `m${i}`,
            disks: Object.fromEntries(sizes.map((size, number) => [`d${number}`, disk(size, random)])),
          })),
        })
        const truths = new Map<string, ReadonlyMap<string, Uint8Array>>()
        for (let day = 0; day < 3; day++) {
          const include = machines.flatMap(({ days }, i) => (day < days ? [`m${i}`] : []))
          if (include.length === 0) break
          const report = await run(source, [target], { select: { include } })
          expect(report.status).toBe('done')
          for (const { machine: name, points: made, disks } of report.machines)
            for (const { point } of made)
              truths.set(String(point), new Map(disks.map(({ disk: id }) => [id, source.bytes(name, id)])))
          for (const name of include) {
            const sizeBytes = machines[Number(name.slice(1))]?.sizes[0] ?? 0
            const offset = random() % sizeBytes
            const length = Math.min(sizeBytes - offset, random() % 700_000)
            source.mutate(name, 'd0', offset, seededBytes(length, random() % 20))
          }
        }
        const wanted = (await points(target)).filter(() => random() % 4 > 0).reverse()
        const shelves = wanted.map(({ point }) => shelf(point.id))
        await using opened = await open(target)
        await using pool = workerPool(1 + (random() % 3))
        target.rewind()
        const requests = wanted.map(({ point }, i) => ({
          point,
          provision: shelves[i]?.provision ?? shelf('').provision,
        }))
        await restorePoints(opened.repository, requests, pool, { ...call, placesAtOnce })
        const order = target.packReads().map(({ key }) => key)
        expect(order).toEqual(target.dataPacks().filter((key) => order.includes(key)))
        expect(target.atOnce()).toBeLessThan(2)
        for (const [i, { point }] of wanted.entries()) {
          const truth = truths.get(point.id)
          expect(truth?.size).toBe(point.disks.length)
          for (const [id, bytes] of truth ?? []) expect(equalBytes(shelves[i]?.disks.get(id), bytes)).toBe(true)
        }
      },
    ),
    { numRuns: 25 },
  )
})
