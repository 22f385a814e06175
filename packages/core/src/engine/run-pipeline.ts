import type { CallOptions } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import { checkFacets, sessionFacets } from '../contract/facets.js'
import type { Pipeline } from '../contract/pipeline.js'
import type { SourceSession } from '../contract/source.js'
import type { TransformPlugin } from '../contract/transform.js'
import type { MachineRef } from '../model/machine.js'
import { toHex } from '../repository/bytes.js'
import type { PointEntry } from '../repository/point-store.js'
import { backupMachine, failedMachine, nothingSelected, reportedError } from './backup-machine.js'
import type { OnEvent } from './events.js'
import { type EngineHost, pluginContext } from './host.js'
import { type Lane, openLane } from './lane.js'
import { type LaneGroup, laneGroup } from './lane-group.js'
import { keptUntil, type OpenRepositoryTarget, openTargetRepository } from './open-target.js'
import { chainOf, checkPipeline, encryptionProblems, fedTargets, type PlanProblem } from './plan-pipeline.js'
import type { OpenHook } from './quiesce-sequence.js'
import { type ResourceStack, resourceStack } from './resource-stack.js'
import type { MachineReport, RunReport, RunStatus, TargetReport } from './run-report.js'
import { throttleTo } from './throttle.js'
import { waitForAll } from './wait-for-all.js'
import { type WorkerPool, workerPool } from './worker-pool.js'

/** How to run a pipeline. */
export interface RunOptions extends CallOptions {
  readonly onEvent?: OnEvent
  /** Transforms at hand beside the pipeline's own, for reading what earlier configs wrote. */
  readonly offered?: readonly TransformPlugin[]
  /** Threads to use; they stay open. A pipeline that limits its workers has its own. @defaultValue started for the run */
  readonly pool?: WorkerPool
}

/**
 * Backs up every selected machine to every target of a pipeline that is fed by runs; for the others see `copyDue`.
 *
 * Throws for what stops the whole run before anything is frozen; failures of single machines, disks and targets are in the report.
 * @throws BackupError `E_PLAN`, `E_SOURCE_*`, `E_TARGET_*`, `E_REPOSITORY_*`, `E_KEY_*`
 */
export async function runPipeline(pipeline: Pipeline, host: EngineHost, options: RunOptions): Promise<RunReport> {
  const startedAt = host.clock.now().getTime()
  const onEvent = options.onEvent ?? (() => {})
  refuse(pipeline, checkPipeline(pipeline))
  await using resources = resourceStack()
  const limit = pipeline.limits?.workers
  const given = limit === undefined ? options.pool : undefined
  const pool = given ?? resources.use(workerPool(Math.max(1, limit ?? host.workers)))
  const targetFailures: TargetReport[] = []
  // Keys take a quarter of a second to open, and a hypervisor may take as long to answer.
  const opening = [
    openSource(pipeline, host, resources, options),
    openLanes(pipeline, host, pool, resources, targetFailures, options),
  ] as const
  await waitForAll(opening)
  const [[source, machines], opened] = await Promise.all(opening)
  const lanes = laneGroup(opened, options.signal, (lane, error) => {
    const { code, message } = reportedError(error)
    onEvent({ type: 'target-failed', target: lane.name, code, message })
  })
  for (const { target, error } of targetFailures)
    onEvent({ type: 'target-failed', target, code: error?.code ?? '', message: error?.message ?? '' })
  const runId = toHex(host.randomBytes(8))
  onEvent({ type: 'run-started', pipeline: pipeline.name, runId, machines: machines.length })
  const hooks: OpenHook[] = []
  for (const plugin of pipeline.quiesce ?? []) {
    const session = await plugin.open(pluginContext(host, options.signal))
    hooks.push({ plugin, session: resources.use(checkFacets(plugin, session, sessionFacets.quiesce)) })
  }
  const previous = await previousPoints(lanes, options)
  const readThrottle = throttleTo(pipeline.limits?.readBytesPerSecond, host.clock)
  const reports = await forEachMachine(pipeline, machines, async (machine) => {
    const own = new Map(
      [...previous].flatMap(([lane, points]) => {
        const entry = points.get(machine.id)
        return entry === undefined ? [] : [[lane, entry] as const]
      }),
    )
    const alike = machines.length > 1
    const shared = { pipeline, runId, source, hooks, lanes, pool, alike, readThrottle, host, onEvent }
    const work = { ...shared, machine, previous: own }
    return guarded(machine, onEvent, () => backupMachine(work, options), options)
  })
  const targets = [...targetReports(lanes), ...targetFailures]
  const status = overall(reports, targets)
  const durationMs = host.clock.now().getTime() - startedAt
  onEvent({ type: 'run-finished', pipeline: pipeline.name, status, durationMs })
  return { pipeline: pipeline.name, runId, status, durationMs, machines: reports, targets }
}

function refuse(pipeline: Pipeline, problems: readonly PlanProblem[]): void {
  if (problems.length === 0) return
  throw new BackupError(
    'E_PLAN',
    `Pipeline '${pipeline.name}' cannot work: ${problems.map((problem) => problem.message).join(' ')}`,
    {
      hint: problems.map((problem) => problem.hint).join(' '),
    },
  )
}

async function openSource(
  pipeline: Pipeline,
  host: EngineHost,
  resources: ResourceStack,
  options: CallOptions,
): Promise<readonly [SourceSession, readonly MachineRef[]]> {
  const session = await pipeline.source.open(pluginContext(host, options.signal))
  const source = resources.use(checkFacets(pipeline.source, session, sessionFacets.source))
  const machines: MachineRef[] = []
  for await (const machine of source.discover(pipeline.select ?? {}, options)) machines.push(machine)
  if (machines.length === 0) throw nothingSelected(pipeline.name)
  return [source, machines.sort((a, b) => (a.id < b.id ? -1 : 1))]
}

/** Opens every target; one that cannot be opened fails alone as long as another can. */
async function openLanes(
  pipeline: Pipeline,
  host: EngineHost,
  pool: WorkerPool,
  resources: ResourceStack,
  failures: TargetReport[],
  options: RunOptions,
): Promise<readonly Lane[]> {
  const writeBytesPerSecond = pipeline.limits?.writeBytesPerSecond
  const targets = fedTargets(pipeline)
  const attempts = await Promise.allSettled(
    targets.map(async (target) => {
      const transforms = chainOf(pipeline, target)
      const access = { ...target, transforms, offered: options.offered ?? [] }
      const opened: OpenRepositoryTarget = resources.use(
        await openTargetRepository(access, host, {
          signal: options.signal,
          writeBytesPerSecond,
          pool,
          keepUntil: keptUntil(target, host),
        }),
      )
      refuse(
        pipeline,
        encryptionProblems(
          target.name,
          opened.repository.description.encrypted,
          transforms.find((t) => t.capabilities.keyed),
        ),
      )
      return resources.use(await openLane(target.name, opened.repository, transforms, pool, options.signal))
    }),
  )
  options.signal.throwIfAborted()
  const lanes: Lane[] = []
  attempts.forEach((attempt, i) => {
    if (attempt.status === 'fulfilled') lanes.push(attempt.value)
    else
      failures.push({
        target: targets[i]?.name ?? '',
        status: 'failed',
        storedBytes: 0,
        newChunks: 0,
        error: reportedError(attempt.reason),
      })
  })
  // What is wrong with the config or the key is not a target's failure: it must not pass as a partial run.
  const wrong = attempts.find((attempt) => attempt.status === 'rejected' && isOperatorError(attempt.reason))
  const failed = attempts.find((attempt) => attempt.status === 'rejected')
  if (wrong?.status === 'rejected') throw wrong.reason
  if (lanes.length === 0 && failed?.status === 'rejected') throw failed.reason
  return lanes
}

function isOperatorError(error: unknown): boolean {
  return (
    isBackupError(error) &&
    [
      'E_PLAN',
      'E_SECRET',
      'E_CONFIG',
      'E_KEY_WRONG',
      'E_KEY_MISSING',
      'E_REPOSITORY_NOT_FOUND',
      'E_PLUGIN_INVALID',
    ].includes(error.code)
  )
}

async function previousPoints(
  lanes: LaneGroup,
  options: CallOptions,
): Promise<ReadonlyMap<Lane, ReadonlyMap<string, PointEntry>>> {
  return lanes.each(async (lane) => {
    const newest = new Map<string, PointEntry>(lane.points.map((entry) => [entry.point.machine.id, entry]))
    for (const [machine, entry] of newest) {
      if (!(await lane.canBuildOn(entry.point, options))) newest.delete(machine)
    }
    return newest
  })
}

async function forEachMachine(
  pipeline: Pipeline,
  machines: readonly MachineRef[],
  backup: (machine: MachineRef) => Promise<MachineReport>,
): Promise<readonly MachineReport[]> {
  const queue = [...machines]
  const reports: MachineReport[] = []
  const next = async (): Promise<void> => {
    for (let machine = queue.shift(); machine !== undefined; machine = queue.shift())
      reports.push(await backup(machine))
  }
  // Also on abort: every machine is thawed and released before the run ends.
  await waitForAll(Array.from({ length: Math.max(1, pipeline.limits?.machines ?? 3) }, next))
  return reports.sort((a, b) => (a.machine < b.machine ? -1 : 1))
}

async function guarded(
  machine: MachineRef,
  onEvent: OnEvent,
  backup: () => Promise<MachineReport>,
  options: CallOptions,
): Promise<MachineReport> {
  let report: MachineReport
  try {
    report = await backup()
  } catch (error) {
    options.signal.throwIfAborted()
    report = failedMachine(machine, error)
  }
  const error = report.error?.message
  onEvent({
    type: 'machine-finished',
    machine: machine.name,
    status: report.status,
    ...(error === undefined ? {} : { error }),
  })
  return report
}

function targetReports(lanes: LaneGroup): readonly TargetReport[] {
  return lanes.all.map((lane) => {
    const failure = lanes.failureOf(lane)
    const base = { target: lane.name, storedBytes: lane.storedBytes(), newChunks: lane.newChunks() }
    return failure === undefined
      ? { ...base, status: 'done' }
      : { ...base, status: 'failed', error: reportedError(failure) }
  })
}

function overall(machines: readonly MachineReport[], targets: readonly TargetReport[]): RunStatus {
  const stored = machines.filter((machine) => machine.status !== 'failed')
  if (stored.length === 0) return 'failed'
  const whole =
    machines.every((machine) => machine.status === 'done') && targets.every((target) => target.status === 'done')
  return whole ? 'done' : 'partial'
}
