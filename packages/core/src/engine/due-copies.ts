import type { CallOptions, Clock } from '../contract/context.js'
import type { CopyPeriod, Pipeline, PipelineTarget } from '../contract/pipeline.js'
import type { TransformPlugin } from '../contract/transform.js'
import { byAge, type PointEntry } from '../repository/point-store.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { reportedError } from './backup-machine.js'
import { calendarPeriods } from './calendar-periods.js'
import type { EngineHost } from './host.js'
import { type OpenRepositories, openTargetRepositories } from './open-sets.js'
import { chainOf, fedTargets } from './plan-pipeline.js'
import type { RunReport } from './run-report.js'

/** A target that gets copies, and which of them it lacks now. */
export interface DueCopies {
  readonly target: string
  readonly every: CopyPeriod
  readonly due: readonly CopiedPoint[]
  /** Newest points of machines that have a copy of this period, and their newest copies. */
  readonly skipped: readonly CopiedPoint[]
  /** Why nothing can be said of it. */
  readonly error?: RunReport['targets'][number]['error']
}

/** A point that is copied, or was. */
export interface CopiedPoint {
  readonly point: string
  readonly machine: string
  readonly takenAt: string
}

/** How to look at copies. */
export interface DueCopiesOptions extends CallOptions {
  /** Transforms at hand beside the pipeline's own, for reading what earlier configs wrote. */
  readonly offered?: readonly TransformPlugin[]
}

/** A target of a pipeline that gets copies. */
export type ScheduledTarget = PipelineTarget & { readonly every: CopyPeriod }

/** The targets of a pipeline that get copies. */
export function scheduledTargets({ targets }: Pipeline): readonly ScheduledTarget[] {
  return targets.filter((target): target is ScheduledTarget => target.every !== undefined)
}

/**
 * Tells which copies are due: of each machine whose newest copy was taken in an earlier period than its newest point.
 *
 * @throws BackupError when the target that is copied from cannot be opened
 */
export async function dueCopies(
  pipeline: Pipeline,
  host: EngineHost,
  options: DueCopiesOptions,
): Promise<readonly DueCopies[]> {
  const scheduled = scheduledTargets(pipeline)
  if (scheduled.length === 0) return []
  await using source = await openCopySource(pipeline, host, options)
  const reports: DueCopies[] = []
  for (const target of scheduled) {
    const { name, every } = target
    try {
      const { due, skipped } = await compareCopies(source, pipeline, target, host, options)
      reports.push({ target: name, every, due: due.map(({ entry }) => describePoint(entry.point)), skipped })
    } catch (error) {
      options.signal.throwIfAborted()
      reports.push({ target: name, every, due: [], skipped: [], error: reportedError(error) })
    }
  }
  return reports
}

/** A newest point of a machine, and the repository that it is in with all others there. */
export interface NewestPoint {
  readonly repository: Repository
  readonly entry: PointEntry
  readonly entries: readonly PointEntry[]
}

/** What is copied from: the newest point of each machine of a pipeline. */
export interface CopySource extends AsyncDisposable {
  readonly newest: ReadonlyMap<string, NewestPoint>
}

/** Opens the first target that runs feed. */
export async function openCopySource(
  pipeline: Pipeline,
  host: EngineHost,
  options: DueCopiesOptions,
): Promise<CopySource> {
  const [from] = fedTargets(pipeline)
  if (from === undefined) return { newest: new Map(), [Symbol.asyncDispose]: async () => {} }
  const opened = await openTargetRepositories(accessOf(pipeline, from, options), host, options)
  try {
    return { newest: await newestPoints(opened, pipeline, host.clock, options), ...opened }
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw error
  }
}

/** Compares the newest copies on a target with the newest points. */
export async function compareCopies(
  { newest }: CopySource,
  pipeline: Pipeline,
  target: ScheduledTarget,
  host: EngineHost,
  options: DueCopiesOptions,
): Promise<{ readonly due: readonly NewestPoint[]; readonly skipped: readonly CopiedPoint[] }> {
  await using opened = await openTargetRepositories(accessOf(pipeline, target, options), host, options)
  const copies = await newestPoints(opened, pipeline, host.clock, options)
  const period = ({ takenAt }: RecoveryPoint) => calendarPeriods[target.every](new Date(takenAt))
  const due: NewestPoint[] = []
  const skipped: CopiedPoint[] = []
  for (const [machine, point] of newest) {
    const copy = copies.get(machine)?.entry.point
    if (copy === undefined || period(copy) < period(point.entry.point)) due.push(point)
    else skipped.push(describePoint(copy))
  }
  return { due, skipped }
}

/** A target with the chain of a pipeline. */
export function accessOf(pipeline: Pipeline, target: PipelineTarget, { offered = [] }: DueCopiesOptions) {
  return { ...target, transforms: chainOf(pipeline, target), offered }
}

/** A point dated later than this may be forged: it must not stand for all that come before its day. */
const credibleAheadMs = 86_400_000

async function newestPoints(
  { repositories }: OpenRepositories,
  pipeline: Pipeline,
  clock: Clock,
  { signal }: CallOptions,
): Promise<ReadonlyMap<string, NewestPoint>> {
  const newest = new Map<string, NewestPoint>()
  const latest = clock.now().getTime() + credibleAheadMs
  for (const { repository } of repositories) {
    const { entries } = await repository.points.list({ signal })
    for (const entry of entries) {
      const { point } = entry
      if (point.pipeline !== pipeline.name || Date.parse(point.takenAt) > latest) continue
      const known = newest.get(point.machine.id)
      if (known === undefined || byAge(known.entry.point, point) < 0)
        newest.set(point.machine.id, { repository, entry, entries })
    }
  }
  return newest
}

/** Names a point for a report. */
function describePoint({ id, machine, takenAt }: RecoveryPoint): CopiedPoint {
  return { point: id, machine: machine.name, takenAt }
}
