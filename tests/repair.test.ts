import { repairRepository, type WorkerPool, workerPool } from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DamageCase, damagesOf } from './support/damages.js'
import { key, outcomeOf, restoreAll, snapshot } from './support/outcome.js'
import { allSame, damage, mendable, type Pair, pairByCopy, pairOfOneRun } from './support/repair-pair.js'
import { seededChoice } from './support/seeded.js'
import { unreadableVault } from './support/unreadable.js'
import { call, filledVault, type ObjectKind, objectKinds, type Vault } from './support/vault.js'

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

function casesOf(kind: ObjectKind, isCopy: boolean): readonly DamageCase[] {
  const wanted = (kind === 'data pack' || kind === 'tree pack') && !isCopy ? ofPacks : common
  return damagesOf(kind).filter(({ name }) => wanted.includes(name))
}

const ways = { 'the same runs': pairOfOneRun, 'a copy': pairByCopy } as const

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

      it('mends a point of which manifest and copy are lost', async () => {
        for (const name of ['removed', middle]) {
          heal()
          const { vault, from } = pair
          damage('point copy', middle).apply(vault.target, ...vault.victims['point copy'], choice)
          damage('point', name).apply(vault.target, ...vault.victims.point, choice)
          const { stillBroken } = await repairRepository(vault.repository, from, { ...call, transforms: vault.chain })
          expect(stillBroken).toEqual([])
          const { report, restored } = await outcomeOf(vault.repository, vault.truths, pool)
          expect(report.damage).toEqual([])
          expect(report.points).toHaveLength(4)
          expect(allSame(restored)).toBe(true)
        }
      }, 60_000)

      it('mends everything that is damaged at once, and a second repair finds nothing to do', async () => {
        heal()
        const { vault, from } = pair
        for (const kind of mendable) damage(kind, middle).apply(vault.target, ...vault.victims[kind], choice)
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
      ['point', middle],
      ['point', 'removed'],
      ['point copy', middle],
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
        if (kind === 'point') damage('point copy', name).apply(vault.target, ...vault.victims['point copy'], choice)
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
