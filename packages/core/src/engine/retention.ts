import type { RetentionPolicy } from '../contract/pipeline.js'
import { calendarPeriods } from './calendar-periods.js'

/** What retention needs to know of a point. */
export interface RetainedPoint {
  readonly id: string
  /** When the point says that it was taken. */
  readonly takenAt: Date
  /** When the target saw it appear; what a writer claims can be forged, this cannot. */
  readonly witnessedAt: Date
  readonly held: boolean
  readonly verified: boolean
  /** A copy from another target is dated before it appeared, and rightly so. */
  readonly copied: boolean
}

/** Whether a point stays, and every reason for it. */
export interface RetentionDecision {
  readonly id: string
  readonly keep: boolean
  readonly reasons: readonly string[]
}

/** A run may take this long between capture and commit, and clocks may differ, before a point's time is doubted. */
const credibleGapMs = 72 * 3_600_000

const buckets = {
  hourly: (date: Date) => date.toISOString().slice(0, 13),
  daily: calendarPeriods.day,
  weekly: calendarPeriods.week,
  monthly: calendarPeriods.month,
  yearly: calendarPeriods.year,
} as const

/**
 * Decides which points of one machine to keep: grandfather-father-son, holds, minimum age, verified floor. The newest
 * always stays, whatever the rules say.
 *
 * Rules run twice: over the points whose time the target bears out, and over all that are not dated in the future. Both
 * results are kept, so that points with a forged time may stay themselves but never evict a real one.
 */
export function decideRetention(
  points: readonly RetainedPoint[],
  policy: RetentionPolicy | undefined,
  now: Date,
): readonly RetentionDecision[] {
  const newestFirst = [...points].sort((a, b) => b.takenAt.getTime() - a.takenAt.getTime() || (a.id < b.id ? 1 : -1))
  const reasons = new Map<string, string[]>(points.map((point) => [point.id, []]))
  const keep = (point: RetainedPoint, reason: string) => {
    const known = reasons.get(point.id)
    if (known !== undefined && !known.includes(reason)) known.push(reason)
  }
  if (policy === undefined) {
    for (const point of points) keep(point, 'no retention is configured')
  } else {
    const dated = newestFirst.filter((point) => !isFuture(point, now))
    for (const set of [dated.filter(isBorneOut), dated]) {
      const [newest] = set
      if (newest !== undefined) keep(newest, 'the newest of its machine')
      applyRules(set, policy, keep)
    }
    for (const point of newestFirst) {
      if (point.held) keep(point, 'held')
      if (isFuture(point, now)) keep(point, 'dated in the future: kept, and counted for nothing')
      if (policy.minimumAgeMs !== undefined && now.getTime() - youngest(point).getTime() < policy.minimumAgeMs)
        keep(point, 'younger than the minimum age')
    }
    const floor = policy.minimumVerified ?? 0
    const verified = newestFirst.filter((point) => point.verified && !isFuture(point, now))
    for (const point of verified.slice(0, floor)) keep(point, `one of the last ${floor} verified`)
  }
  return newestFirst.map((point) => {
    const found = reasons.get(point.id) ?? []
    return { id: point.id, keep: found.length > 0, reasons: found.length > 0 ? found : ['no rule wants it'] }
  })
}

function applyRules(
  newestFirst: readonly RetainedPoint[],
  policy: RetentionPolicy,
  keep: (point: RetainedPoint, reason: string) => void,
): void {
  for (const point of newestFirst.slice(0, policy.last ?? 0)) keep(point, `one of the last ${policy.last}`)
  for (const [name, bucketOf] of Object.entries(buckets) as [keyof typeof buckets, (date: Date) => string][]) {
    const limit = policy[name] ?? 0
    const seen = new Set<string>()
    for (const point of newestFirst) {
      const bucket = bucketOf(point.takenAt)
      if (seen.has(bucket)) continue
      if (seen.size >= limit) break
      seen.add(bucket)
      keep(point, `${name} ${bucket}`)
    }
  }
}

function isFuture(point: RetainedPoint, now: Date): boolean {
  return point.takenAt.getTime() > Math.min(point.witnessedAt.getTime(), now.getTime()) + credibleGapMs
}

function isBorneOut(point: RetainedPoint): boolean {
  return !point.copied && Math.abs(point.witnessedAt.getTime() - point.takenAt.getTime()) <= credibleGapMs
}

/** Age counts from when the target saw the point: a back-dated one is not old. */
function youngest(point: RetainedPoint): Date {
  return point.copied || point.witnessedAt > point.takenAt ? point.witnessedAt : point.takenAt
}
