import type { DiskId, NeededMedium } from '@holdfast/core'
import { neededMedia } from '@holdfast/core/engine'
import type { Invocation } from './invocation.js'
import { awayWords, neededWords } from './render/media.js'
import { printable } from './render/printable.js'
import type { StoredPoint } from './stored-points.js'

/** A copy of a point, and the media that must be read for it. */
export interface CopyChoice {
  readonly copy: StoredPoint
  readonly needed: readonly NeededMedium[]
}

/** The copy that is read, and those that could be. */
export interface ChosenCopy extends CopyChoice {
  readonly others: readonly CopyChoice[]
}

/**
 * Chooses the cheapest copy of a point: what is online and read at random, then what is online and read in order, by the fewest
 * media, and what somebody must fetch last.
 *
 * When the first of these is there, nobody needs to know about media, and none is asked for.
 * @throws BackupError when no copy can be looked at
 */
export async function cheapestCopy(
  copies: readonly StoredPoint[],
  disks: readonly DiskId[] | undefined,
  { output, signal }: Invocation,
): Promise<ChosenCopy> {
  const atHand = copies.find(({ repository: { store } }) => !store.capabilities.media && !store.capabilities.sequential)
  if (atHand !== undefined) return { copy: atHand, needed: [], others: [] }
  const choices: CopyChoice[] = []
  const failures: unknown[] = []
  for (const copy of copies) {
    try {
      choices.push({ copy, needed: await neededMedia(copy.repository, [copy.entry.point], { signal, disks }) })
    } catch (error) {
      signal.throwIfAborted()
      failures.push(error)
    }
  }
  const [chosen, ...others] = choices.sort((a, b) => costOf(a) - costOf(b) || a.needed.length - b.needed.length)
  if (chosen === undefined) throw failures[0]
  for (const error of failures) output.error(error)
  return { ...chosen, others }
}

function costOf({ copy, needed }: CopyChoice): number {
  if (needed.some(({ isOnline }) => !isOnline)) return 2
  return copy.repository.store.capabilities.sequential ? 1 : 0
}

/** Says which media are read, warns of those that must be fetched, and names what the other copies would need. */
export function tellMedia({ copy, needed, others }: ChosenCopy, { output }: Invocation): void {
  if (needed.length === 0) return
  const { name } = copy.entry.point.machine
  output.line(printable(`${name}: from ${placeWords(copy)}, needs ${neededWords(needed)}`))
  const away = needed.filter(({ isOnline }) => !isOnline)
  for (const { name: medium, location } of away) output.warning(`needs ${medium}, which is ${awayWords({ location })}`)
  if (others.length > 0)
    output.line(
      printable(
        `  other copies: ${others.map((other) => `${placeWords(other.copy)} needs ${neededWords(other.needed)}`).join('; ')}`,
      ),
    )
}

/** Where a copy is: its target, and its set there. */
export function placeWords({ target, set }: Pick<StoredPoint, 'target' | 'set'>): string {
  return set === undefined ? target : `${target}, set ${set.id}`
}
