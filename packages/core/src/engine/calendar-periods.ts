import type { CopyPeriod } from '../contract/pipeline.js'

/** Names of the periods that a moment is in, all in UTC; a later period has a name that sorts after it. */
export const calendarPeriods = {
  day: (date) => date.toISOString().slice(0, 10),
  week: isoWeek,
  month: (date) => date.toISOString().slice(0, 7),
  quarter: (date) => `${date.getUTCFullYear()}-Q${Math.floor(date.getUTCMonth() / 3) + 1}`,
  year: (date) => date.toISOString().slice(0, 4),
} as const satisfies Readonly<Record<CopyPeriod, (date: Date) => string>>

/** ISO 8601 week, as `2026-W07`. */
function isoWeek(date: Date): string {
  const day = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()))
  day.setUTCDate(day.getUTCDate() + 4 - (day.getUTCDay() || 7))
  const firstDay = Date.UTC(day.getUTCFullYear(), 0, 1)
  const week = Math.ceil(((day.getTime() - firstDay) / 86_400_000 + 1) / 7)
  return `${day.getUTCFullYear()}-W${String(week).padStart(2, '0')}`
}
