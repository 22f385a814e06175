import type { KnownSet } from '../catalog/known.js'
import { later, type TapeCatalog } from '../catalog/tape-catalog.js'

/** When a new set is begun: never while the last is kept, for each session, or with the first session of each period (UTC). */
export type Allocation = 'continue' | 'new' | CalendarPeriod

/** Periods of the calendar. */
export type CalendarPeriod = 'day' | 'week' | 'month' | 'quarter' | 'year'

/** Which set to write to. */
export interface SetChoice {
  readonly pool: string
  readonly allocation: Allocation
  readonly now: Date
  readonly keepUntil: Date | undefined
  readonly randomId: () => string
}

/** The set that is written to now: the newest of the pool, or one that does not exist yet. */
export function chooseSet(catalog: TapeCatalog, choice: SetChoice): KnownSet {
  const { pool, allocation, now, keepUntil, randomId } = choice
  const newest = catalog.sets().findLast((set) => set.pool === pool)
  const isOver = newest?.keepUntil !== undefined && newest.keepUntil <= now
  if (newest !== undefined && !isOver && goesOn(allocation, newest.createdAt, now))
    return { ...newest, keepUntil: later(newest.keepUntil, keepUntil) }
  return { id: randomId(), pool, createdAt: now, keepUntil }
}

function goesOn(allocation: Allocation, createdAt: Date, now: Date): boolean {
  if (allocation === 'continue') return true
  return allocation !== 'new' && periodOf(allocation, createdAt) === periodOf(allocation, now)
}

/** Names the period that a time lies in. */
function periodOf(period: CalendarPeriod, at: Date): string {
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth()]
  switch (period) {
    case 'day':
      return at.toISOString().slice(0, 10)
    case 'week':
      return mondayOf(at).toISOString().slice(0, 10)
    case 'month':
      return `${year}-${month}`
    case 'quarter':
      return `${year}-${Math.floor(month / 3)}`
    case 'year':
      return `${year}`
  }
}

function mondayOf(at: Date): Date {
  const sinceMonday = (at.getUTCDay() + 6) % 7
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() - sinceMonday))
}
