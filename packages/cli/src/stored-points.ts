import type { OpenRepositoryTarget } from '@holdfast/core/engine'
import { byAge, choosePoint, type DamagedPoint, type PointEntry } from '@holdfast/core/repository'
import type { Invocation } from './invocation.js'
import type { Session } from './session.js'
import { openChosen } from './target-access.js'

/** A recovery point, and where it is. */
export interface StoredPoint {
  readonly target: string
  readonly entry: PointEntry
}

/** The points of some targets, and what could not be read. */
export interface StoredPoints extends AsyncDisposable {
  readonly points: readonly StoredPoint[]
  readonly damaged: readonly { readonly target: string; readonly damage: DamagedPoint }[]
  /** Targets that could not be opened, when others could. */
  readonly unreachable: readonly { readonly target: string; readonly error: unknown }[]
  readonly repositoryOf: (target: string) => OpenRepositoryTarget
}

/** Opens targets and lists their points. With several targets one that cannot be opened is reported, not thrown. */
export async function storedPoints(
  session: Session,
  targets: readonly string[],
  invocation: Invocation,
): Promise<StoredPoints> {
  const { signal } = invocation
  const opened = new Map<string, OpenRepositoryTarget>()
  const close = async () => {
    for (const target of opened.values()) await target[Symbol.asyncDispose]()
  }
  const points: StoredPoint[] = []
  const damaged: { target: string; damage: DamagedPoint }[] = []
  const unreachable: { target: string; error: unknown }[] = []
  try {
    const attempts = await Promise.allSettled(targets.map((target) => openChosen(session, target, invocation)))
    targets.forEach((target, i) => {
      const attempt = attempts[i]
      if (attempt?.status === 'fulfilled') opened.set(target, attempt.value)
      else unreachable.push({ target, error: attempt?.reason })
    })
    signal.throwIfAborted()
    const [first] = unreachable
    if (opened.size === 0 && first !== undefined) throw first.error
    for (const [target, { repository }] of opened) {
      const listed = await repository.points.list({ signal })
      points.push(...listed.entries.map((entry) => ({ target, entry })))
      damaged.push(...listed.damaged.map((damage) => ({ target, damage })))
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    points,
    damaged,
    unreachable,
    repositoryOf: (target) => {
      const found = opened.get(target)
      if (found === undefined) throw new RangeError(`target ${target} is not open`)
      return found
    },
    [Symbol.asyncDispose]: close,
  }
}

/** Finds a point among several targets: the first target that has it, and for `@latest` the newest anywhere. */
export function findPoint({ points }: StoredPoints, wanted: string, session: Session): StoredPoint {
  const firstOfId = new Map<string, StoredPoint>()
  for (const stored of points) {
    if (!firstOfId.has(stored.entry.point.id)) firstOfId.set(stored.entry.point.id, stored)
  }
  const entries = [...firstOfId.values()].map(({ entry }) => entry)
  entries.sort((a, b) => byAge(a.point, b.point))
  const chosen = choosePoint(entries, wanted, session.host.clock)
  return [...firstOfId.values()].find(({ entry }) => entry === chosen) ?? { target: '', entry: chosen }
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
