import { seededBytes, seededNumbers } from '@holdfast/testkit/images'
import { memorySource, memoryTarget, recordingQuiesce } from '@holdfast/testkit/memory'
import { expect, test } from 'vitest'
import { equalBytes, lab } from './support/lab.js'

const { init, run, points, restore, verify, prune } = lab({ workers: 1 })

test('a run aborted at any moment thaws, releases and leaves a sound repository', async () => {
  const random = seededNumbers(11)
  const target = { name: 't', plugin: memoryTarget({ latencyMs: 1 }) }
  await init(target)
  const disks = () => ({ a: seededBytes(3_000_000, random()), b: seededBytes(1_000_000, random()) })
  const names = ['m1', 'm2', 'm3']
  const source = memorySource({ machines: names.map((name) => ({ name, disks: disks() })) })
  const hook = recordingQuiesce()
  const started = performance.now()
  await run(source, [target], { quiesce: [hook] })
  // The first run is slower than others: what is done sooner sets the time to abort within.
  let normal = performance.now() - started
  let aborted = 0
  for (let i = 0; i < 16; i++) {
    for (const name of names) source.mutate(name, 'a', (i % 7) * 400_000, seededBytes(300_000, random()))
    const controller = new AbortController()
    const reason = new Error(`stop ${i}`)
    const timer = setTimeout(() => controller.abort(reason), (normal * (random() % 1000)) / 1000)
    const begun = performance.now()
    const outcome = await run(source, [target], { quiesce: [hook], signal: controller.signal }).then(
      () => undefined,
      (error: unknown) => error,
    )
    clearTimeout(timer)
    if (outcome !== undefined) aborted++
    else normal = Math.min(normal, performance.now() - begun)
    expect([undefined, reason]).toContain(outcome)
    const frozen = hook.journal.filter(({ operation }) => operation === 'freeze').length
    expect(hook.journal.filter(({ operation }) => operation === 'thaw')).toHaveLength(frozen)
    expect(source.inventory()).toEqual(names)
    expect(target.plugin.objects.keys().filter((key) => key.startsWith('writers/'))).toEqual([])
  }
  expect(aborted).toBeGreaterThan(4)
  expect((await verify(target)).damage).toEqual([])
  expect(await run(source, [target])).toMatchObject({ status: 'done' })
  await prune(target)
  const report = await verify(target)
  expect(report.damage).toEqual([])
  expect(target.plugin.objects.keys().filter((key) => key.startsWith('packs/'))).toHaveLength(report.checkedPacks)
  for (const { point } of await points(target)) {
    const restored = await restore(target, point)
    for (const disk of ['a', 'b'])
      expect(equalBytes(restored.get(disk), source.bytes(point.machine.id, disk))).toBe(true)
  }
})
