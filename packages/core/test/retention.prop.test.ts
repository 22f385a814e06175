import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RetentionPolicy } from '../src/contract/pipeline.js'
import { decideRetention, type RetainedPoint } from '../src/engine/retention.js'

const hour = 3_600_000
const day = 24 * hour
const now = new Date('2026-03-15T12:00:00Z')

function point(ageMs: number, more: Partial<RetainedPoint> = {}): RetainedPoint {
  const takenAt = new Date(now.getTime() - ageMs)
  const witnessedAt = new Date(Math.min(now.getTime(), takenAt.getTime() + 60_000))
  return { id: `p${ageMs}`, takenAt, witnessedAt, held: false, verified: false, copied: false, ...more }
}

function kept(points: readonly RetainedPoint[], policy: RetentionPolicy | undefined): readonly string[] {
  return decideRetention(points, policy, now).flatMap(({ id, keep }) => (keep ? [id] : []))
}

const days = (...ages: readonly number[]) => ages.map((age) => point(age * day, { id: `d${age}` }))

describe('retention', () => {
  test.for<readonly [string, readonly RetainedPoint[], RetentionPolicy | undefined, readonly string[]]>([
    ['without a policy keeps all', days(0, 1, 500), undefined, ['d0', 'd1', 'd500']],
    ['keeps the newest whatever the rules say', days(3, 4), {}, ['d3']],
    ['last', days(0, 1, 2, 3), { last: 2 }, ['d0', 'd1']],
    [
      'daily keeps the newest of a day',
      [point(0, { id: 'noon' }), point(2 * hour, { id: 'ten' }), ...days(1, 2)],
      { daily: 2 },
      ['noon', 'd1'],
    ],
    [
      'hourly',
      [point(0, { id: 'a' }), point(hour / 3, { id: 'b' }), point(hour / 2, { id: 'c' })],
      { hourly: 2 },
      ['a', 'b'],
    ],
    ['weekly by ISO weeks', days(0, 6, 7, 13, 14), { weekly: 2 }, ['d0', 'd7']],
    ['monthly', days(0, 14, 15, 20, 43, 44), { monthly: 3 }, ['d0', 'd15', 'd43']],
    ['yearly across an ISO week that starts in the old year', days(0, 73, 74, 75), { yearly: 2 }, ['d0', 'd74']],
    ['days without points do not count', days(0, 10, 20), { daily: 3 }, ['d0', 'd10', 'd20']],
    ['rules add up', days(0, 1, 2, 40), { last: 1, daily: 2, monthly: 2 }, ['d0', 'd1', 'd40']],
    ['a hold', [...days(0, 1), point(2 * day, { id: 'held', held: true })], { last: 1 }, ['d0', 'held']],
    ['the minimum age', days(0, 1, 2, 3), { last: 1, minimumAgeMs: 2.5 * day }, ['d0', 'd1', 'd2']],
    [
      'a floor of verified points',
      [...days(0, 1), point(2 * day, { id: 'v2', verified: true }), point(3 * day, { id: 'v3', verified: true })],
      { last: 1, minimumVerified: 1 },
      ['d0', 'v2'],
    ],
    [
      'a point dated in the future stays and evicts none',
      [point(-30 * day, { id: 'f', witnessedAt: now }), ...days(0, 1)],
      { last: 1 },
      ['f', 'd0'],
    ],
    [
      'a back-dated point takes no place from a real one',
      [...days(0, 5), point(4 * day, { id: 'f', witnessedAt: now })].sort(
        (a, b) => b.takenAt.getTime() - a.takenAt.getTime(),
      ),
      { last: 2 },
      ['d0', 'f', 'd5'],
    ],
  ])('%s', ([, points, policy, wanted]) => {
    expect(kept(points, policy)).toEqual(wanted)
  })

  const ages = fc.uniqueArray(fc.integer({ min: 0, max: 800 * 24 }), { minLength: 1, maxLength: 40 })
  const small = fc.option(fc.nat(6), { nil: undefined })
  const policies = fc
    .record({ last: small, hourly: small, daily: small, weekly: small, monthly: small, yearly: small })
    .map(
      (rules): RetentionPolicy => Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined)),
    )

  test('keeps the newest, at least the last so many, and never more for fewer rules', () => {
    fc.assert(
      fc.property(ages, policies, (hours, policy) => {
        const points = hours.map((age) => point(age * hour))
        const stay = new Set(kept(points, policy))
        const newestFirst = [...points].sort((a, b) => b.takenAt.getTime() - a.takenAt.getTime())
        for (const { id } of newestFirst.slice(0, Math.max(1, policy.last ?? 0))) expect(stay).toContain(id)
        for (const rule of Object.keys(policy)) {
          const { [rule as keyof RetentionPolicy]: _, ...fewer } = policy
          for (const id of kept(points, fewer)) expect(stay).toContain(id)
        }
        // What went away before changes nothing about what stays: pruning twice is pruning once.
        expect(
          kept(
            points.filter(({ id }) => stay.has(id)),
            policy,
          ),
        ).toHaveLength(stay.size)
      }),
    )
  })

  test('forged points, of whatever time, evict no real one', () => {
    const forged = fc.array(
      fc.record({
        age: fc.integer({ min: -900 * 24, max: 900 * 24 }),
        seenAgo: fc.nat(24),
        copied: fc.constant(false),
      }),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(ages, policies, forged, (hours, policy, fakes) => {
        const real = hours.map((age) => point(age * hour))
        const isForged = ({ takenAt, witnessedAt }: RetainedPoint) =>
          Math.abs(takenAt.getTime() - witnessedAt.getTime()) > 72 * hour
        const others = fakes
          .map(({ age, seenAgo }, i) =>
            point(age * hour, { id: `fake${i}`, witnessedAt: new Date(now.getTime() - seenAgo * hour) }),
          )
          .filter(isForged)
        const stay = new Set(kept([...real, ...others], policy))
        for (const id of kept(real, policy)) expect(stay).toContain(id)
      }),
    )
  })

  test('holds, minimum age and the floor of verified points are always honoured', () => {
    const points = fc.array(
      fc.record({ age: fc.nat(400), held: fc.boolean(), verified: fc.boolean(), copied: fc.boolean() }),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(points, fc.nat(5), fc.nat(100), (list, floor, minimumHours) => {
        const all = list.map(({ age, ...flags }, i) => point(age * hour, { id: `p${i}`, ...flags }))
        const stay = new Set(kept(all, { last: 1, minimumVerified: floor, minimumAgeMs: minimumHours * hour }))
        for (const { id, held, takenAt } of all) {
          if (held || now.getTime() - takenAt.getTime() < minimumHours * hour) expect(stay).toContain(id)
        }
        const verified = all.filter((candidate) => candidate.verified)
        expect(verified.filter(({ id }) => stay.has(id)).length).toBeGreaterThanOrEqual(
          Math.min(floor, verified.length),
        )
      }),
    )
  })
})
