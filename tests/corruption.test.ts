import { type WorkerPool, workerPool } from '@holdfast/core/engine'
import type { Repository } from '@holdfast/core/repository'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DamageCase, damagesOf } from './support/damages.js'
import { asBackupError, type Outcome, outcomeOf, type Restored, snapshot } from './support/outcome.js'
import { seededChoice } from './support/seeded.js'
import { filledVault, type ObjectKind, objectKinds, openVault, type Protection, type Vault } from './support/vault.js'

const choice = seededChoice()

/** Objects that say who is at work or what to keep: no restore depends on them. */
const withoutConsequence: readonly ObjectKind[] = ['verification', 'hold', 'condemned', 'writer']
/** Objects that are read when a repository is opened. */
const keyTwins: readonly ObjectKind[] = ['description', 'description copy', 'key', 'key copy']

/**
 * Harmless whatever it says: holds say what they say by being there, a lease only delays a prune, and a mark that is gone
 * leaves no trace, nor does the copy of a point, which a run that is killed at the right instant does not write.
 */
function isSilent(kind: ObjectKind, damage: DamageCase): boolean {
  if (kind === 'writer' || kind === 'hold') return true
  return damage.name === 'removed' && (withoutConsequence.includes(kind) || kind === 'point copy')
}

interface Row {
  readonly protection: Protection
  readonly kind: ObjectKind
  readonly damage: string
  readonly verify: string
  readonly restore: string
  readonly message: string
}

const rows: Row[] = []

afterAll(() => {
  const width = (name: keyof Row) => Math.max(...rows.map((row) => row[name].length))
  const columns = ['protection', 'kind', 'damage', 'verify', 'restore'] as const
  const lines = rows.map((row) =>
    [...columns.map((name) => row[name].padEnd(width(name))), row.message.slice(0, 110)].join('  '),
  )
  process.stdout.write(`seed ${choice.seed}\n${lines.join('\n')}\n`)
})

for (const protection of ['plain', 'encrypted'] as const) {
  describe(`a damaged ${protection} repository`, () => {
    let vault: Vault
    let heal: () => void
    let pool: WorkerPool

    beforeAll(async () => {
      vault = await filledVault(protection)
      heal = snapshot(vault.target)
      pool = workerPool(2)
    }, 60_000)
    afterAll(async () => {
      await pool[Symbol.asyncDispose]()
    })

    /** Keys are opened anew only where they are what is damaged: scrypt takes its time, as it should. */
    const reader = async (kind: ObjectKind): Promise<Repository> =>
      keyTwins.includes(kind)
        ? openVault({ name: 'vault', plugin: vault.target }, vault.chain, vault.host)
        : vault.repository

    it('is whole before anything is done to it', async () => {
      heal()
      const { report, restored } = await outcomeOf(await reader('description'), vault.truths, pool)
      expect(report.damage).toEqual([])
      expect(report.ok).toBe(true)
      expect([...restored.values()].map(({ how }) => how)).toEqual(['same', 'same', 'same', 'same'])
    })

    const kinds = objectKinds.filter((kind) => protection === 'encrypted' || !kind.startsWith('key'))
    const cases = kinds.flatMap((kind) => damagesOf(kind).map((damage) => [kind, damage] as const))
    it.each(cases.map(([kind, damage]) => ({ kind, damage, name: damage.name })))(
      '$kind $name',
      async ({ kind, damage }) => {
        heal()
        const [victim, other] = vault.victims[kind]
        damage.apply(vault.target, victim, other, choice)
        const { report, restored } = await outcomeOf(await reader(kind), vault.truths, pool)
        rows.push({ protection, kind, damage: damage.name, ...summary({ report, restored }, victim) })

        const wrong = [...restored].filter(([, { how }]) => how === 'wrong')
        expect(wrong, 'wrong bytes').toEqual([])

        const swap = damage.name === 'swapped with another'
        const objects = report.damage.map(({ object }) => object)
        if (!isSilent(kind, damage)) {
          const named = kind === 'index' && damage.name === 'removed' ? vault.victims['data pack'][0] : victim
          expect(
            objects.some((object) => object.includes(named)),
            `verify names ${named}, not only ${objects.join(', ')}`,
          ).toBe(true)
          if (swap) expect(objects, 'verify names both of a swap').toContain(other)
        }
        if (isSilent(kind, damage)) expect(objects).toEqual([])

        for (const [point, outcome] of restored) {
          const { machine } = vault.truths.get(point) ?? { machine: '' }
          const verdict = report.points.find((entry) => entry.point === point)
          if (outcome.how === 'same') continue
          expect(
            verdict?.ok ?? false,
            `verify calls ${point} good, and it is refused: ${describeRefusal(outcome)}`,
          ).toBe(false)
          if (outcome.how === 'refused' && outcome.error.code === 'E_DAMAGED') {
            expect(outcome.error.context['machine']).toBe(machine)
            expect(outcome.error.context['point']).toBe(point)
            expect(
              report.damage.some((entry) => entry.machines.includes(machine) && entry.points.includes(point)),
            ).toBe(true)
          }
        }
        for (const { point, ok } of report.points) {
          if (ok) expect(restored.get(point)?.how, `verify calls ${point} good`).toBe('same')
        }

        const hurt = [...restored]
          .filter(([, { how }]) => how !== 'same')
          .map(([point]) => vault.truths.get(point)?.machine)
        const mayHurt = kind === 'data pack' || kind === 'tree pack' || (kind === 'index' && damage.name === 'removed')
        if (!mayHurt) expect(hurt, 'points refused for what does not matter to them').toEqual([])
        if (kind === 'tree pack' && !swap) expect(hurt).not.toContain('bravo')
      },
    )

    it('lists everything when much is damaged at once, and each point that lives is restored', async () => {
      heal()
      const { victims, target } = vault
      const flip = damagesOf('index').find(({ name }) => name === 'bit flipped in the middle')
      const cut = damagesOf('index').find(({ name }) => name === 'truncated to half')
      for (const kind of ['data pack', 'index', 'verification'] as const) flip?.apply(target, ...victims[kind], choice)
      for (const kind of ['tree pack', 'point', 'condemned'] as const)
        cut?.apply(target, victims[kind][1], victims[kind][0], choice)
      const { report, restored } = await outcomeOf(vault.repository, vault.truths, pool)
      const named = report.damage.map(({ object }) => object)
      const expected = [
        victims['data pack'][0],
        victims.index[0],
        victims.verification[0],
        victims['tree pack'][1],
        victims.point[1],
        victims.condemned[1],
      ]
      expect(expected.filter((object) => !named.includes(object))).toEqual([])
      expect([...restored.values()].filter(({ how }) => how === 'wrong')).toEqual([])
      for (const { point, ok } of report.points) expect(restored.get(point)?.how === 'same').toBe(ok)
    })

    it('says what is missing when both twins are gone', async () => {
      const pairs = [
        ['description', 'description copy', 'E_REPOSITORY_NOT_FOUND'],
        ['key', 'key copy', 'E_DAMAGED'],
      ] as const
      for (const [first, second, code] of pairs.slice(0, protection === 'plain' ? 1 : 2)) {
        heal()
        for (const kind of [first, second]) vault.target.objects.drop(vault.victims[kind][0] as never)
        const error = await openFailure()
        expect(error.code).toBe(code)
        expect(error.hint).toBeTruthy()
      }
    })

    it('opens from neither twin when both are damaged, and says so', async () => {
      const pairs = [
        ['description', 'description copy'],
        ['key', 'key copy'],
      ] as const
      for (const pair of pairs.slice(0, protection === 'plain' ? 1 : 2)) {
        heal()
        const flip = damagesOf('index').find(({ name }) => name === 'bit flipped in the middle')
        for (const kind of pair) flip?.apply(vault.target, ...vault.victims[kind], choice)
        const error = await openFailure()
        expect(error.code).toBe('E_DAMAGED')
        expect(pair.map((kind) => vault.victims[kind][0])).toContain(error.context['object'])
      }
    })

    it('refuses a point of which manifest and copy are damaged, and names both', async () => {
      for (const name of ['bit flipped in the middle', 'removed']) {
        heal()
        const [flip, second] = ['bit flipped in the middle', name].map((wanted) =>
          damagesOf('point').find((damage) => damage.name === wanted),
        )
        const both = [vault.victims['point copy'], vault.victims.point] as const
        flip?.apply(vault.target, ...both[0], choice)
        second?.apply(vault.target, ...both[1], choice)
        const { report, restored } = await outcomeOf(vault.repository, vault.truths, pool)
        const named = report.damage.map(({ object }) => object)
        expect(named).toEqual(expect.arrayContaining(both.map(([victim]) => victim)))
        expect([...restored.values()].filter(({ how }) => how === 'wrong')).toEqual([])
        expect([...restored.values()].filter(({ how }) => how === 'refused')).toHaveLength(1)
      }
    })

    const openFailure = async () => {
      try {
        await reader('description')
      } catch (error) {
        return asBackupError(error)
      }
      throw new Error('it opened')
    }
  })
}

function describeRefusal(outcome: Restored): string {
  return outcome.how === 'refused' ? `${outcome.error.code} ${outcome.error.message}` : outcome.how
}

function summary({ report, restored }: Outcome, victim: string): Pick<Row, 'verify' | 'restore' | 'message'> {
  const own = report.damage.find(({ object }) => object === victim) ?? report.damage[0]
  const refused = [...restored.values()].filter(({ how }) => how === 'refused').length
  const hurts = own === undefined || own.machines.length === 0 ? '' : ` of ${own.machines.join(', ')}`
  return {
    verify: own === undefined ? 'silent' : `${report.damage.length} named${hurts}`,
    restore: refused === 0 ? 'all same' : `${refused} refused`,
    message: own?.message ?? '',
  }
}
