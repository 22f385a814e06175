import { pruneRepository, repairRepository, verifyRepository, type WorkerPool, workerPool } from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import type { MemoryTarget } from '@holdfast/testkit/memory'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { key, restoreAll, snapshot } from './support/outcome.js'
import { plainEnvelope, plainPayload } from './support/plain-envelope.js'
import { allSame, damage, mendable, type Pair, pairByCopy, pairOfOneRun } from './support/repair-pair.js'
import { seededChoice } from './support/seeded.js'
import { stoppingTarget } from './support/stopping.js'
import { call, filledVault, openVault } from './support/vault.js'

const choice = seededChoice()
const middle = 'bit flipped in the middle'

let pool: WorkerPool
beforeAll(() => {
  pool = workerPool(1)
  process.stdout.write(`seed ${choice.seed}\n`)
})
afterAll(() => pool[Symbol.asyncDispose]())

describe('an interrupted repair', () => {
  let pair: Pair
  let heal: () => void
  beforeAll(async () => {
    pair = await pairByCopy('plain')
    heal = snapshot(pair.vault.target)
  }, 60_000)

  const harm = () => {
    heal()
    const { vault } = pair
    for (const kind of mendable) damage(kind, middle).apply(vault.target, ...vault.victims[kind], choice)
  }
  /** The process that held them still runs, being this one; the one that stands for it is dead. */
  const dropLeases = () => {
    const { target, victims } = pair.vault
    for (const key of target.objects.keys())
      if (key.startsWith('writers/') && !victims.writer.includes(key)) target.objects.drop(key)
  }
  const repairThrough = async (
    plugin: MemoryTarget | ReturnType<typeof stoppingTarget>['plugin'],
    signal: AbortSignal,
  ) => {
    const { vault, from } = pair
    const repository = await openVault({ name: 'vault', plugin }, vault.chain, vault.host)
    return repairRepository(repository, from, { signal, transforms: vault.chain })
  }

  it.each(['killed', 'aborted'] as const)(
    'goes on when repeated, wherever it was %s',
    async (how) => {
      harm()
      const whole = stoppingTarget(pair.vault.target, Number.POSITIVE_INFINITY)
      expect((await repairThrough(whole.plugin, call.signal)).stillBroken).toEqual([])
      const total = whole.changes()
      expect(total).toBeGreaterThan(12)
      const stops =
        how === 'killed' ? Array.from({ length: total - 1 }, (_, i) => i) : [1, 3, Math.floor(total / 2), total - 2]
      for (const stop of stops) {
        harm()
        const readable = await restoreAll(pair.vault.repository, pair.vault.truths, pool)
        const stopping = new AbortController()
        const dying = stoppingTarget(pair.vault.target, stop, () => {
          if (how === 'aborted') stopping.abort(new Error('stopped by the test'))
        })
        await expect(
          repairThrough(dying.plugin, stopping.signal),
          `stopped after ${stop} of ${total} changes`,
        ).rejects.toThrow()
        const between = await restoreAll(pair.vault.repository, pair.vault.truths, pool)
        expect([...between.values()].filter((restored) => restored.how === 'wrong')).toEqual([])
        dropLeases()
        const { stillBroken } = await repairThrough(pair.vault.target, call.signal)
        expect(stillBroken, `after ${stop} of ${total} changes`).toEqual([])
        const restored = await restoreAll(pair.vault.repository, pair.vault.truths, pool)
        expect(allSame(restored), `after ${stop} of ${total} changes`).toBe(true)
        expect(readable.size).toBe(4)
        const report = await verifyRepository(pair.vault.repository, pool, { ...call, readData: false })
        expect(report.damage, `after ${stop} of ${total} changes`).toEqual([])
      }
    },
    120_000,
  )
})

describe('a repair', () => {
  it('leaves the repository alone while a prune lives', async () => {
    const { vault, from } = await pairByCopy('plain')
    damage('data pack', 'removed').apply(vault.target, ...vault.victims['data pack'], choice)
    const namesBeside = () => vault.target.objects.keys().filter((name) => !name.startsWith('writers/'))
    const before = namesBeside()
    const lease = { id: 'c'.repeat(24), role: 'prune', host: 'elsewhere', boot: 'elsewhere', pid: 1 }
    const repair = () => repairRepository(vault.repository, from, { ...call, transforms: vault.chain })
    const writing = `writers/${lease.id}-0`
    await vault.repository.store.put(key(writing), [Buffer.from(JSON.stringify(lease))], call)
    await expect(repair()).rejects.toMatchObject({ code: 'E_REPOSITORY_BUSY', hint: expect.any(String) })
    expect(namesBeside()).toEqual(before)
    await vault.repository.store.remove(key(writing), call)
    expect((await repair()).stillBroken).toEqual([])
  }, 60_000)
})

describe('a hostile source of repairs', () => {
  let pair: Pair
  let heal: () => void
  let healOther: () => void
  beforeAll(async () => {
    pair = await pairOfOneRun('encrypted')
    heal = snapshot(pair.vault.target)
    healOther = snapshot(pair.target)
  }, 60_000)

  const afterRepair = async (from: Repository) => {
    const { vault } = pair
    const { stillBroken, mended } = await repairRepository(vault.repository, from, { ...call, transforms: vault.chain })
    const restored = await restoreAll(vault.repository, vault.truths, pool)
    expect([...restored.values()].filter(({ how }) => how === 'wrong')).toEqual([])
    return { stillBroken, mended, restored }
  }

  it.each(['data pack', 'tree pack', 'point'] as const)(
    'with machines of the same names gives nothing for a lost %s',
    async (kind) => {
      heal()
      const { vault } = pair
      const other = await filledVault('plain')
      damage(kind, kind === 'point' ? middle : 'removed').apply(vault.target, ...vault.victims[kind], choice)
      if (kind === 'point') damage('point copy', 'removed').apply(vault.target, ...vault.victims['point copy'], choice)
      const { stillBroken, restored } = await afterRepair(other.repository)
      expect(stillBroken.length).toBeGreaterThan(0)
      const bravo = [...vault.truths]
        .filter(([, { machine }]) => machine === 'bravo')
        .map(([point]) => restored.get(point)?.how)
      if (kind !== 'data pack') expect(bravo).toEqual(['same', 'same'])
    },
    60_000,
  )

  it('that forges the capture of a point is found out by what is known of its bytes', async () => {
    heal()
    healOther()
    const { vault, target } = pair
    const [victim] = vault.victims.point
    const id = victim.slice(victim.lastIndexOf('/') + 1)
    // The forger's repository has no keys: another point's trees are given this point's name, run and time.
    const names = target.objects.keys().filter((name) => name.startsWith('points/'))
    const manifests = names.map((name) => ({
      name,
      point: JSON.parse(plainPayload(target.objects.find(name)?.bytes ?? new Uint8Array()).toString()),
    }))
    const real = manifests.find(({ point }) => point.id === id)
    const later = manifests.find(({ point }) => point.id !== id && point.machine.name === 'alpha')
    if (real === undefined || later === undefined) throw new Error('the second target lacks points')
    const repositoryId = JSON.parse(Buffer.from(target.objects.find(key('holdfast.json'))?.bytes ?? []).toString()).id
    const forged = {
      ...real.point,
      disks: real.point.disks.map((disk: object, i: number) => ({ ...disk, root: later.point.disks[i].root })),
    }
    target.objects.overwrite(real.name, plainEnvelope(repositoryId, real.name, Buffer.from(JSON.stringify(forged))))
    damage('data pack', 'removed').apply(vault.target, ...vault.victims['data pack'], choice)
    const { stillBroken, mended } = await afterRepair(pair.from)
    expect(mended.filter((line) => line.includes(id)).join('\n')).toContain('left alone')
    expect(stillBroken).toContain(id)
  }, 60_000)
})

describe('retention after a repair', () => {
  it('decides of mended points as it did before', async () => {
    const { vault, from } = await pairByCopy('plain')
    const { entries } = await vault.repository.points.list(call)
    for (const entry of entries) await vault.repository.points.hold(entry, false, call)
    const decide = async () => {
      const { decisions } = await pruneRepository(vault.repository, {
        ...call,
        dryRun: true,
        retentionOf: () => ({ last: 1 }),
      })
      return decisions.map(({ point, keep }) => ({ point, keep }))
    }
    const before = await decide()
    expect(before.filter(({ keep }) => keep)).toHaveLength(2)
    for (const kind of ['point', 'point copy', 'tree pack'] as const)
      damage(kind, middle).apply(vault.target, ...vault.victims[kind], choice)
    await repairRepository(vault.repository, from, { ...call, transforms: vault.chain })
    expect(await decide()).toEqual(before)
  }, 60_000)
})
