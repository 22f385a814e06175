import type { MediaSet, Medium, NeededMedium } from '@holdfast/core'

/** The media of a set, as `TAPE0001, TAPE0002`. */
export function mediaNames({ media }: Pick<MediaSet, 'media'>): string {
  return media.map(({ name }) => name).join(', ')
}

/** How long a set is kept. */
export function keptWords({ id, keepUntil }: MediaSet): string {
  return `set ${id} is kept ${keepUntil === undefined ? 'for good' : `until ${keepUntil.toISOString().slice(0, 10)}`}`
}

/** What must be read, and where it is when it is away: `TAPE0001, TAPE0003 (at 'vault 2')`. */
export function neededWords(needed: readonly NeededMedium[]): string {
  if (needed.length === 0) return 'no medium'
  return needed.map((medium) => (medium.isOnline ? medium.name : `${medium.name} (${awayWords(medium)})`)).join(', ')
}

/** Where a medium is that is away. */
export function awayWords({ location }: Pick<Medium, 'location'>): string {
  return location === undefined ? 'away' : `at '${location}'`
}

/** A set for `--json`. */
export function setDocument({ id, createdAt, keepUntil, media }: MediaSet): object {
  return {
    id,
    createdAt: createdAt.toISOString(),
    ...(keepUntil !== undefined && { keepUntil: keepUntil.toISOString() }),
    media: media.map(mediumDocument),
  }
}

/** A needed medium for `--json`. */
export function neededDocument({ keys, ...medium }: NeededMedium): object {
  return { ...mediumDocument(medium), objects: keys.length }
}

function mediumDocument({ name, isOnline, location }: Medium): object {
  return { name, isOnline, ...(location !== undefined && { location }) }
}
