import {
  copyPoints,
  pruneRepository,
  repairRepository,
  verifyRepository,
  type WorkerPool,
  workerPool,
} from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import { type MemoryTarget, memoryTarget } from '@holdfast/testkit/memory'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DamageCase, damagesOf } from './support/damages.js'
import { key, outcomeOf, type Restored, restoreAll, snapshot } from './support/outcome.js'
import { plainEnvelope, plainPayload } from './support/plain-envelope.js'
import { seededChoice } from './support/seeded.js'
import { stoppingTarget } from './support/stopping.js'
import { unreadableVault } from './support/unreadable.js'
import {
  call,
  chainFor,
  filledVault,
  type ObjectKind,
  objectKinds,
  openVault,
  type Protection,
  type Vault,
} from './support/vault.js'

const choice = seededChoice()
const middle = 'bit flipped in the middle'
const common = [middle, 'removed']
const ofPacks = [
  ...common,
  'truncated to half',
  'swapped with another',
  'bit flipped in the footer',
  'bit flipped in a frame payload',
]

function damage(kind: ObjectKind, name: string): DamageCase {
  const found = damagesOf(kind).find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`no damage '${name}' of a ${kind}`)
  return found
}

function casesOf(kind: ObjectKind, isCopy: boolean): readonly DamageCase[] {
  const wanted = (kind === 'data pack' || kind === 'tree pack') && !isCopy ? ofPacks : common
  return damagesOf(kind).filter(({ name }) => wanted.includes(name))
}

interface Pair {
  readonly vault: Vault
  readonly from: Repository
  readonly target: MemoryTarget
}

/** A vault and a second target of the same runs, protected the other way: ids and frames differ, captures do not. */
async function pairOfOneRun(protection: Protection): Promise<Pair> {
  const target = memoryTarget()
  const chain = chainFor(protection === 'plain' ? 'encrypted' : 'plain')
  const vault = await filledVault(protection, [{ name: 'second', plugin: target, transforms: chain }])
  return { vault, target, from: await openVault({ name: 'second', plugin: target }, chain, vault.host) }
}

/** A vault and what was copied from it afterwards. */
async function pairByCopy(protection: Protection): Promise<Pair> {
  const { vault, target, from } = await pairOfOneRun(protection)
  for (const name of target.objects.keys())
    if (!name.startsWith('holdfast') && !name.startsWith('keys/')) target.objects.drop(name)
  const { entries } = await vault.repository.points.list(call)
  const chain = chainFor(protection === 'plain' ? 'encrypted' : 'plain')
  const { copied } = await copyPoints(vault.repository, from, entries, { ...call, transforms: chain })
  expect(copied).toHaveLength(4)
  return { vault, target, from }
}

const ways = { 'the same runs': pairOfOneRun, 'a copy': pairByCopy } as const

function allSame(restored: ReadonlyMap<string, Restored>): boolean {
  return [...restored.values()].every(({ how }) => how === 'same')
}

async function namesOf(repository: Repository) {
  const { entries } = await repository.points.list(call)
  return entries.map(({ point, held, verifications }) => ({ id: point.id, held, verified: verifications.length > 0 }))
}

let pool: WorkerPool
beforeAll(() => {
  pool = workerPool(1)
  process.stdout.write(`seed ${choice.seed}\n`)
})
afterAll(() => pool[Symbol.asyncDispose]())

for (const protection of ['plain', 'encrypted'] as const) {
  for (const way of ['the same runs', 'a copy'] as const) {
    describe(`repair of a ${protection} repository from ${way}`, () => {
      let pair: Pair
      let heal: () => void
      beforeAll(async () => {
        pair = await ways[way](protection)
        heal = snapshot(pair.vault.target)
      }, 60_000)

      const kinds = objectKinds.filter((kind) => {
        if (way === 'a copy') return ['data pack', 'tree pack', 'point'].includes(kind)
        return protection === 'encrypted' || !kind.startsWith('key')
      })
      const cases = kinds.flatMap((kind) =>
        casesOf(kind, way === 'a copy').map((damage) => ({ kind, damage, name: damage.name })),
      )

      it.each(cases)(
        'mends a $kind $name',
        async ({ kind, damage }) => {
          heal()
          const { vault, from } = pair
          const before = await namesOf(vault.repository)
          damage.apply(vault.target, ...vault.victims[kind], choice)
          if (kind === 'point' && damage.name === 'removed') {
            const { entries } = await from.points.list(call)
            const { copied } = await copyPoints(from, vault.repository, entries, { ...call, transforms: vault.chain })
            expect(copied, 'a point that is gone without a trace comes back by copying').toHaveLength(1)
          }
          const { stillBroken, mended } = await repairRepository(vault.repository, from, {
            ...call,
            transforms: vault.chain,
          })
          expect(stillBroken, mended.join('\n')).toEqual([])
          const { report, restored } = await outcomeOf(vault.repository, vault.truths, pool)
          expect(report.damage).toEqual([])
          expect(report.points).toHaveLength(4)
          expect(allSame(restored)).toBe(true)
          const after = await namesOf(vault.repository)
          expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id))
          if (kind !== 'hold') expect(after.map(({ held }) => held)).toEqual(before.map(({ held }) => held))
          expect(after.every(({ verified }) => verified)).toBe(true)
        },
        60_000,
      )

      it('mends everything that is damaged at once, and a second repair finds nothing to do', async () => {
        heal()
        const { vault, from } = pair
        for (const kind of [
          'data pack',
          'tree pack',
          'index',
          'point',
          'verification',
          'condemned',
          'description',
        ] as const)
          damage(kind, middle).apply(vault.target, ...vault.victims[kind], choice)
        const { stillBroken } = await repairRepository(vault.repository, from, { ...call, transforms: vault.chain })
        expect(stillBroken).toEqual([])
        const { report, restored } = await outcomeOf(vault.repository, vault.truths, pool)
        expect(report.damage).toEqual([])
        expect(allSame(restored)).toBe(true)
        const again = await repairRepository(vault.repository, from, { ...call, transforms: vault.chain })
        expect(again).toEqual({ mended: [], stillBroken: [] })
      }, 60_000)
    })
  }

  describe(`repair of a ${protection} repository alone`, () => {
    let vault: Vault
    let heal: () => void
    beforeAll(async () => {
      vault = await filledVault(protection)
      heal = snapshot(vault.target)
    }, 60_000)

    const repaired = async () => {
      const before = await restoreAll(vault.repository, vault.truths, pool)
      const { stillBroken, mended } = await repairRepository(vault.repository, undefined, {
        ...call,
        transforms: vault.chain,
      })
      const { report, restored } = await outcomeOf(vault.repository, vault.truths, pool)
      expect([...restored.values()].filter(({ how }) => how === 'wrong')).toEqual([])
      for (const [point, { how }] of before)
        if (how === 'same') expect(restored.get(point)?.how, `${point} was readable`).toBe('same')
      return { stillBroken, mended, report, restored }
    }

    const local: readonly (readonly [ObjectKind, string])[] = [
      ['description', middle],
      ['description copy', 'removed'],
      ['index', middle],
      ['index', 'removed'],
      ['verification', middle],
      ['condemned', 'truncated to half'],
      ['data pack', 'bit flipped in the footer'],
      ['data pack', 'bit flipped in the pack id'],
      ['data pack', 'truncated to its frames'],
      ['data pack', 'one byte longer'],
      ['tree pack', 'bit flipped in the trailer'],
      ['tree pack', 'bit flipped in the version'],
      ...(protection === 'encrypted' ? [['key', middle] as const, ['key copy', 'truncated to half'] as const] : []),
    ]
    it.each(local)(
      'mends a %s %s',
      async (kind, name) => {
        heal()
        damage(kind, name).apply(vault.target, ...vault.victims[kind], choice)
        const { stillBroken, report, restored } = await repaired()
        expect(stillBroken).toEqual([])
        expect(report.damage).toEqual([])
        expect(allSame(restored)).toBe(true)
      },
      60_000,
    )

    it.each([
      ['data pack', 'bit flipped in a frame payload'],
      ['data pack', 'removed'],
      ['data pack', 'truncated to half'],
      ['tree pack', 'removed'],
      ['point', middle],
    ] as const)(
      'reports what a %s %s took, and keeps all that is readable',
      async (kind, name) => {
        heal()
        damage(kind, name).apply(vault.target, ...vault.victims[kind], choice)
        const { stillBroken, report, restored } = await repaired()
        expect(stillBroken.length).toBeGreaterThan(0)
        const lost = [...restored].filter(([, { how }]) => how !== 'same').map(([point]) => point)
        expect(lost.every((point) => stillBroken.some((name) => name.includes(point)))).toBe(true)
        expect(report.ok).toBe(false)
      },
      60_000,
    )

    it('touches neither of two damaged twins', async () => {
      heal()
      if (protection === 'plain') return
      const [first, second] = [vault.victims.key[0], vault.victims['key copy'][0]]
      for (const kind of ['key', 'key copy'] as const)
        damage(kind, middle).apply(vault.target, ...vault.victims[kind], choice)
      const before = [first, second].map((name) => vault.target.objects.find(key(name))?.bytes)
      const { stillBroken } = await repairRepository(vault.repository, undefined, { ...call, transforms: vault.chain })
      expect([first, second].map((name) => vault.target.objects.find(key(name))?.bytes)).toEqual(before)
      expect(stillBroken).toEqual(expect.arrayContaining([first, second]))
    })

    it('takes nothing away while the target does not answer', async () => {
      heal()
      const [victim] = vault.victims['data pack']
      const count = vault.target.objects.keys().length
      const away = await unreadableVault(vault, victim)
      await expect(repairRepository(away, undefined, { ...call, transforms: vault.chain })).rejects.toMatchObject({
        code: 'E_TARGET_UNAVAILABLE',
      })
      expect(vault.target.objects.find(key(victim))).toBeDefined()
      expect(vault.target.objects.keys().length).toBeGreaterThanOrEqual(count)
      expect(allSame(await restoreAll(vault.repository, vault.truths, pool))).toBe(true)
    }, 60_000)
  })
}

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
    for (const kind of ['data pack', 'tree pack', 'index', 'point', 'verification', 'description'] as const)
      damage(kind, middle).apply(vault.target, ...vault.victims[kind], choice)
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
        how === 'killed' ? Array.from({ length: total }, (_, i) => i) : [1, 3, Math.floor(total / 2), total - 2]
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
    for (const kind of ['point', 'tree pack'] as const)
      damage(kind, middle).apply(vault.target, ...vault.victims[kind], choice)
    await repairRepository(vault.repository, from, { ...call, transforms: vault.chain })
    expect(await decide()).toEqual(before)
  }, 60_000)
})
