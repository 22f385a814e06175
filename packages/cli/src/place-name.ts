import type { LibraryPlace, LibraryPlaceName } from '@holdfast/core'
import { usageError } from './output.js'

/** How to write a place. */
export const placeHelp = 'Write slot:<number>, mail:<number> or drive:<number>, as the inventory does.'

/** Writes a place as people and `parsePlace` do: `slot:3`. */
export function placeName({ kind, number }: LibraryPlaceName): string {
  return `${kind}:${number}`
}

/** Understands `slot:3`, `mail:0` and `drive:1`; `undefined` for anything else. */
export function parsePlace(text: string): LibraryPlaceName | undefined {
  const [, kind, digits] = /^(slot|mail|drive):(\d{1,6})$/.exec(text) ?? []
  if (kind !== 'slot' && kind !== 'mail' && kind !== 'drive') return undefined
  return { kind, number: Number(digits) }
}

/** The place of that name. @throws BackupError `E_USAGE` with what there is instead */
export function placeAmong(places: readonly LibraryPlace[], wanted: LibraryPlaceName): LibraryPlace {
  const alike = places.filter(({ kind }) => kind === wanted.kind)
  const found = alike.find(({ number }) => number === wanted.number)
  if (found !== undefined) return found
  const numbers = alike.map(({ number }) => number)
  const known = [...new Set([Math.min(...numbers), Math.max(...numbers)])].map((number) => `${wanted.kind}:${number}`)
  throw usageError(
    `The library has no ${placeName(wanted)}.`,
    numbers.length === 0
      ? "It has nothing of that kind: see 'holdfast tape inventory'."
      : `It has ${known.join(' to ')}.`,
  )
}
