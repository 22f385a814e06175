import { BackupError } from '../contract/errors.js'
import type { Pipeline } from '../contract/pipeline.js'
import type { TransformPlugin } from '../contract/transform.js'
import { reportedError } from './backup-machine.js'
import { type CopyReport, copyPoints } from './copy-points.js'
import {
  accessOf,
  type CopiedPoint,
  type CopySource,
  compareCopies,
  type DueCopiesOptions,
  type NewestPoint,
  openCopySource,
  type ScheduledTarget,
  scheduledTargets,
} from './due-copies.js'
import type { OnEvent } from './events.js'
import type { EngineHost } from './host.js'
import { keptUntil, openTargetRepository } from './open-target.js'
import { chainOf, encryptionProblems } from './plan-pipeline.js'
import type { TargetReport } from './run-report.js'

/** How to copy what is due. */
export interface CopyDueOptions extends DueCopiesOptions {
  readonly onEvent?: OnEvent
}

type Copied = CopyReport['copied'][number]

/** What a target got. */
export interface ScheduledCopyReport {
  readonly target: string
  readonly status: 'done' | 'failed'
  readonly copied: CopyReport['copied']
  /** The newest copies of machines that have one of this period. */
  readonly skipped: readonly CopiedPoint[]
  readonly error?: TargetReport['error']
}

/**
 * Copies what is due to each target of a pipeline that gets copies; all machines in one session to it.
 *
 * A target that fails says so in its report, and the others get theirs.
 */
export async function copyDue(
  pipeline: Pipeline,
  host: EngineHost,
  options: CopyDueOptions,
): Promise<readonly ScheduledCopyReport[]> {
  const scheduled = scheduledTargets(pipeline)
  if (scheduled.length === 0) return []
  let source: CopySource
  try {
    source = await openCopySource(pipeline, host, options)
  } catch (error) {
    options.signal.throwIfAborted()
    return scheduled.map(({ name }) => failed(name, [], error, options.onEvent))
  }
  await using _ = source
  const reports: ScheduledCopyReport[] = []
  for (const target of scheduled) reports.push(await copyToTarget(source, pipeline, target, host, options))
  return reports
}

async function copyToTarget(
  source: CopySource,
  pipeline: Pipeline,
  target: ScheduledTarget,
  host: EngineHost,
  options: CopyDueOptions,
): Promise<ScheduledCopyReport> {
  const { name } = target
  const copied: Copied[] = []
  const finish = (status: 'done' | 'failed') =>
    options.onEvent?.({ type: 'copy-finished', pipeline: pipeline.name, target: name, status, copied: copied.length })
  let hasStarted = false
  try {
    const { due, skipped } = await compareCopies(source, pipeline, target, host, options)
    // Nothing is opened for writing, and no medium is moved, when there is nothing to copy.
    if (due.length === 0) return { target: name, status: 'done', copied, skipped }
    options.onEvent?.({ type: 'copy-started', pipeline: pipeline.name, target: name, points: due.length })
    hasStarted = true
    await copyInto(due, pipeline, target, copied, host, options)
    finish('done')
    return { target: name, status: 'done', copied, skipped }
  } catch (error) {
    options.signal.throwIfAborted()
    const report = failed(name, copied, error, options.onEvent)
    if (hasStarted) finish('failed')
    return report
  }
}

async function copyInto(
  due: readonly NewestPoint[],
  pipeline: Pipeline,
  target: ScheduledTarget,
  copied: Copied[],
  host: EngineHost,
  options: CopyDueOptions,
): Promise<void> {
  const transforms = chainOf(pipeline, target)
  await using to = await openTargetRepository(accessOf(pipeline, target, options), host, {
    signal: options.signal,
    writeBytesPerSecond: pipeline.limits?.writeBytesPerSecond,
    keepUntil: keptUntil(target, host),
  })
  refuseOtherEncryption(target.name, to.repository.description.encrypted, transforms)
  for (const [repository, points] of Map.groupBy(due, (point) => point.repository)) {
    await copyPoints(
      repository,
      to.repository,
      points.map(({ entry }) => entry),
      {
        signal: options.signal,
        onEvent: (event) => {
          // Also those before a failure are there.
          if (event.type === 'point-committed')
            copied.push({ point: event.point, machine: event.machine, storedBytes: event.storedBytes })
          options.onEvent?.(event)
        },
        target: target.name,
        transforms,
        workers: host.workers,
        ...(points[0] && { earlier: points[0].entries }),
      },
    )
  }
}

function refuseOtherEncryption(target: string, encrypted: boolean, transforms: readonly TransformPlugin[]): void {
  const [problem] = encryptionProblems(
    target,
    encrypted,
    transforms.find(({ capabilities }) => capabilities.keyed),
  )
  if (problem !== undefined) throw new BackupError('E_PLAN', problem.message, { hint: problem.hint })
}

function failed(
  target: string,
  copied: CopyReport['copied'],
  thrown: unknown,
  onEvent: OnEvent | undefined,
): ScheduledCopyReport {
  const error = reportedError(thrown)
  onEvent?.({ type: 'target-failed', target, code: error.code, message: error.message })
  return { target, status: 'failed', copied, skipped: [], error }
}
