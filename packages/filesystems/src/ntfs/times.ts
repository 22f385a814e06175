import type { Fields } from '../bytes/fields.js'
import type { Metadata } from '../filesystem.js'

const ticksPerMs = 10_000n
/** Milliseconds from 1601, when Windows began to count, to 1970. */
const epochMs = 11_644_473_600_000

/** Decodes the four times that stand side by side in several structures. */
export function decodeTimes(at: Fields, from: number): Metadata {
  return {
    ...time('createdAt', at, from),
    ...time('modifiedAt', at, from + 8),
    ...time('changedAt', at, from + 16),
    ...time('accessedAt', at, from + 24),
  }
}

/** Times that no calendar has are left out. */
function time(name: 'createdAt' | 'modifiedAt' | 'changedAt' | 'accessedAt', at: Fields, from: number): Metadata {
  const date = new Date(Number(at.bits64(from) / ticksPerMs) - epochMs)
  return Number.isNaN(date.getTime()) ? {} : { [name]: date }
}
