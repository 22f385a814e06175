import type { LibraryMedium, MediaSet } from '@holdfast/core'
import { placeName } from '../place-name.js'
import { formatTime } from './units.js'

/** A medium as `--json` lists it. Fields are only ever added. */
export interface ListedMedium {
  readonly medium: string
  readonly state: LibraryMedium['state']
  readonly online: boolean
  readonly place?: string
  readonly location?: string
  readonly pool?: string
  readonly set?: string
  readonly sequence?: number
  readonly keepUntil?: string
  readonly usedBytes?: number
  readonly problem?: string
}

/** Describes a medium for `--json`. */
export function listedMedium(medium: LibraryMedium): ListedMedium {
  const { name, state, isOnline, place, location, pool, set, sequence, keepUntil, usedBytes, problem } = medium
  return {
    medium: name,
    state,
    online: isOnline,
    ...(place !== undefined && { place: placeName(place) }),
    ...(location !== undefined && { location }),
    ...(pool !== undefined && { pool }),
    ...(set !== undefined && { set }),
    ...(sequence !== undefined && { sequence }),
    ...(keepUntil !== undefined && { keepUntil: keepUntil.toISOString() }),
    ...(usedBytes !== undefined && { usedBytes }),
    ...(problem !== undefined && { problem }),
  }
}

/** The beginning of a set's id, and which medium of it this is: `1a2b3c4d #2`. */
export function setWord({ set, sequence }: Pick<LibraryMedium, 'set' | 'sequence'>): string {
  if (set === undefined) return ''
  return sequence === undefined ? set.slice(0, 8) : `${set.slice(0, 8)} #${sequence}`
}

/** Until when something is kept. */
export function keptWord(keepUntil: MediaSet['keepUntil']): string {
  return keepUntil === undefined ? 'for good' : formatTime(keepUntil.toISOString())
}

/** The same of a medium, of which only one that is held is kept for good. */
export function mediumKeptWord({ state, keepUntil }: LibraryMedium): string {
  return keepUntil === undefined && state !== 'held' ? '' : keptWord(keepUntil)
}

/** Where a medium belongs, as part of a sentence: `medium 2 of set 1a2b3c4d, pool weekly`; `''` when it belongs nowhere. */
export function belongsWord({ set, sequence, pool }: LibraryMedium): string {
  const inSet =
    set === undefined ? [] : [`${sequence === undefined ? 'in' : `medium ${sequence} of`} set ${set.slice(0, 8)}`]
  return [...inSet, ...(pool === undefined ? [] : [`pool ${pool}`])].join(', ')
}
