import type { MediaSet } from '@holdfast/core'
import type { OpenRepositories } from '@holdfast/core/engine'
import { byAge, choosePoint, type DamagedPoint, type PointEntry, type Repository } from '@holdfast/core/repository'
import type { Invocation } from './invocation.js'
import type { Session } from './session.js'
import { openToRead } from './target-access.js'

/** A recovery point, and where it is. */
export interface StoredPoint {
  readonly target: string
  /** Media that it is on, where a target has sets of them. */
  readonly set: MediaSet | undefined
  readonly repository: Repository
  readonly entry: PointEntry
}

/** The points of some targets, and what could not be read. */
export interface StoredPoints extends AsyncDisposable {
  readonly points: readonly StoredPoint[]
  readonly damaged: readonly { readonly target: string; readonly damage: DamagedPoint }[]
  /** Targets that could not be opened, when others could, and sets of media. */
  readonly unreachable: readonly { readonly target: string; readonly error: unknown }[]
}

/** Opens targets and lists the points of all that they hold. With several targets one that cannot be opened is reported, not thrown. */
export async function storedPoints(
  session: Session,
  targets: readonly string[],
  invocation: Invocation,
): Promise<StoredPoints> {
  const { signal } = invocation
  const opened = new Map<string, OpenRepositories>()
  const close = async () => {
    for (const target of opened.values()) await target[Symbol.asyncDispose]()
  }
  const points: StoredPoint[] = []
  const damaged: { target: string; damage: DamagedPoint }[] = []
  const unreachable: { target: string; error: unknown }[] = []
  try {
    const attempts = await Promise.allSettled(targets.map((target) => openToRead(session, target, invocation)))
    targets.forEach((target, i) => {
      const attempt = attempts[i]
      if (attempt?.status === 'fulfilled') opened.set(target, attempt.value)
      else unreachable.push({ target, error: attempt?.reason })
    })
    signal.throwIfAborted()
    const [first] = unreachable
    if (opened.size === 0 && first !== undefined) throw first.error
    for (const [target, { repositories, unreadable }] of opened) {
      unreachable.push(...unreadable.map(({ error }) => ({ target, error })))
      for (const { set, repository } of repositories) {
        const listed = await repository.points.list({ signal })
        points.push(...listed.entries.map((entry) => ({ target, set, repository, entry })))
        damaged.push(...listed.damaged.map((damage) => ({ target, damage })))
      }
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    points,
    damaged,
    unreachable,
    [Symbol.asyncDispose]: close,
  }
}

/**
 * Finds a point among several targets: the first that has it, those read at random before tapes, and for `@latest` the newest
 * anywhere.
 */
export function findPoint({ points }: StoredPoints, wanted: string, session: Session): StoredPoint {
  const firstOfId = new Map<string, StoredPoint>()
  const isSequential = ({ repository }: StoredPoint) => repository.store.capabilities.sequential
  for (const stored of [...points].sort((a, b) => Number(isSequential(a)) - Number(isSequential(b)))) {
    if (!firstOfId.has(stored.entry.point.id)) firstOfId.set(stored.entry.point.id, stored)
  }
  const entries = [...firstOfId.values()].map(({ entry }) => entry)
  entries.sort((a, b) => byAge(a.point, b.point))
  const chosen = choosePoint(entries, wanted, session.host.clock)
  const found = [...firstOfId.values()].find(({ entry }) => entry === chosen)
  if (found === undefined) throw new RangeError('a point was chosen that is not among those to choose from')
  return found
}

/** The newest point of each machine, by the name of the machine. */
export function latestPoints(stored: StoredPoints, session: Session): readonly StoredPoint[] {
  const ofMachine = Map.groupBy(stored.points, ({ entry }) => entry.point.machine.id)
  return [...ofMachine]
    .map(([id, points]) => findPoint({ ...stored, points }, `${id}@latest`, session))
    .sort((a, b) => (a.entry.point.machine.name < b.entry.point.machine.name ? -1 : 1))
}

/** The copies of one point, in the order of the targets. */
export function copiesOf({ points }: StoredPoints, { entry }: StoredPoint): readonly StoredPoint[] {
  return points.filter((stored) => stored.entry.point.id === entry.point.id)
}

/** Says on stderr what could not be read; the command goes on with the rest. */
export function reportUnread({ damaged, unreachable }: StoredPoints, { output }: Invocation): boolean {
  for (const { error } of unreachable) output.error(error)
  for (const { damage } of damaged) output.error(damage.error)
  return damaged.length > 0 || unreachable.length > 0
}
