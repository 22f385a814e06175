import { BackupError, wrapTarget } from '@holdfast/core'
import { systemClock } from '@holdfast/core/engine'
import { seededBytes } from '@holdfast/testkit/images'
import { memorySource, memoryTarget } from '@holdfast/testkit/memory'
import { describe, expect, test } from 'vitest'
import { equalBytes, lab } from './support/lab.js'
import { withDisks } from './support/sources.js'

const { init, run, points, restore, verify, prune } = lab({ workers: 1 })

async function threePoints() {
  const target = { name: 't', plugin: memoryTarget({ latencyMs: 1 }) }
  const source = memorySource({ machines: [{ name: 'm', disks: { d: seededBytes(1_000_000, 1) } }] })
  await init(target)
  for (let day = 2; day < 5; day++) {
    await run(source, [target])
    source.mutate('m', 'd', day * 100_000, seededBytes(200_000, day))
  }
  return { target, source }
}

const packsOf = (target: { readonly plugin: ReturnType<typeof memoryTarget> }) =>
  target.plugin.objects.keys().filter((key) => key.startsWith('packs/'))

describe('prunes', () => {
  test('at once lose nothing, and the next one removes what they left', async () => {
    const { target, source } = await threePoints()
    await Promise.all([prune(target), prune(target), prune(target), run(source, [target]), prune(target)])
    expect((await verify(target)).damage).toEqual([])
    await prune(target)
    const report = await verify(target)
    expect(report.damage).toEqual([])
    expect(packsOf(target)).toHaveLength(report.checkedPacks)
    const newest = (await points(target)).at(-1)
    expect(equalBytes(newest && (await restore(target, newest.point)).get('d'), source.bytes('m', 'd'))).toBe(true)
  })

  test('wait for a run that builds on what they would remove', async () => {
    const { target, source } = await threePoints()
    const reading = Promise.withResolvers<void>()
    const pruned = Promise.withResolvers<void>()
    const waiting = withDisks(source, (disk) => ({
      ...disk,
      readInto: async (offset, into, options) => {
        reading.resolve()
        await pruned.promise
        return disk.readInto(offset, into, options)
      },
    }))
    const running = run(waiting, [target], { name: 'other' })
    await reading.promise
    // Every point goes but the newest; the run has that one as its base, and then even that is taken away.
    for (const key of target.plugin.objects.keys()) if (/^point(s|-copies)\//.test(key)) target.plugin.objects.drop(key)
    expect((await prune(target)).waitingPacks).toBeGreaterThan(0)
    pruned.resolve()
    expect((await running).status).toBe('done')
    await prune(target)
    expect((await verify(target)).damage).toEqual([])
    const [only] = await points(target)
    expect(equalBytes(only && (await restore(target, only.point)).get('d'), source.bytes('m', 'd'))).toBe(true)
  })

  test.each(['restore', 'verification'] as const)('wait for a %s of what they would remove', async (reader) => {
    const { target } = await threePoints()
    const [oldest] = await points(target)
    if (oldest === undefined) throw new Error('no point was stored')
    const expected = await restore(target, oldest.point)
    const reading = Promise.withResolvers<void>()
    const pruned = Promise.withResolvers<void>()
    const slow = {
      name: target.name,
      plugin: wrapTarget(target.plugin, (session) => ({
        ...session,
        get: async function* (key, options) {
          if (key.startsWith('packs/')) {
            reading.resolve()
            await pruned.promise
          }
          yield* session.get(key, options)
        },
      })),
    }
    const restoring = reader === 'restore' ? restore(slow, oldest.point) : undefined
    const verifying = reader === 'verification' ? verify(slow) : undefined
    await reading.promise
    for (const key of target.plugin.objects.keys()) if (/^point(s|-copies)\//.test(key)) target.plugin.objects.drop(key)
    for (let round = 0; round < 3; round++) expect((await prune(target)).removedPacks).toBe(0)
    pruned.resolve()
    if (restoring !== undefined) expect(equalBytes((await restoring).get('d'), expected.get('d'))).toBe(true)
    if (verifying !== undefined) expect((await verifying).damage).toEqual([])
    await prune(target)
    await prune(target)
    expect(packsOf(target)).toEqual([])
  })

  test('do not stop a restore that cannot say it reads, though they move what it needs', async () => {
    const target = { name: 't', plugin: memoryTarget() }
    const source = memorySource({ machines: [{ name: 'm', disks: { d: seededBytes(1_000_000, 1) } }] })
    await init(target)
    await run(source, [target])
    // Less than half of the first pack lives on, so that a prune stores that anew and removes the pack.
    source.mutate('m', 'd', 0, seededBytes(700_000, 2))
    await run(source, [target])
    const newest = (await points(target)).at(-1)
    if (newest === undefined) throw new Error('no point was stored')
    const before = packsOf(target)
    let pruned: Promise<unknown> | undefined
    const pruneTwice = async () => {
      await prune(target)
      await prune(target)
    }
    const readOnly = {
      name: target.name,
      plugin: wrapTarget(target.plugin, (session) => ({
        ...session,
        put: async () => {
          throw new BackupError('E_TARGET_READ_ONLY', 'The target takes no writes.')
        },
        get: async function* (key, options) {
          pruned ??= key.startsWith('packs/') ? pruneTwice() : undefined
          await pruned
          yield* session.get(key, options)
        },
      })),
    }
    expect(equalBytes((await restore(readOnly, newest.point)).get('d'), source.bytes('m', 'd'))).toBe(true)
    expect(before.filter((key) => !packsOf(target).includes(key))).not.toEqual([])
  })

  test('take a writer that stood still for dead, and it commits nothing then', async () => {
    const { target, source } = await threePoints()
    let ahead = 0
    const sleepy = lab({ workers: 1, clock: { ...systemClock, now: () => new Date(Date.now() + ahead) } })
    const before = (await points(target)).length
    const waiting = withDisks(source, (disk) => ({
      ...disk,
      readInto: async (offset, into, options) => {
        ahead = 45 * 60_000
        return disk.readInto(offset, into, options)
      },
    }))
    const report = await sleepy.run(waiting, [target])
    expect(report.machines[0]).toMatchObject({ status: 'failed', error: { code: 'E_TIMEOUT' } })
    expect(await points(target)).toHaveLength(before)
    await prune(target)
    expect((await verify(target)).damage).toEqual([])
  })
})
