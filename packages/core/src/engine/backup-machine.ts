import type { CallOptions } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import type { Pipeline } from '../contract/pipeline.js'
import type { Capture, CapturedDisk, PreparedCapture, SourceSession, Tracking } from '../contract/source.js'
import { strongerConsistency } from '../model/consistency.js'
import type { ChangeToken, DiskId, PointId } from '../model/ids.js'
import type { MachineRef } from '../model/machine.js'
import { fromHex, toHex } from '../repository/bytes.js'
import type { DiskTree } from '../repository/disk-tree-reader.js'
import type { Throttle } from '../repository/object-store.js'
import type { PointEntry } from '../repository/point-store.js'
import { newPointId, type RecoveryPoint, type StoredDisk } from '../repository/recovery-point.js'
import { copyDisk, type DiskCopyResult } from './copy-disk.js'
import type { OnEvent } from './events.js'
import type { EngineHost } from './host.js'
import type { Lane } from './lane.js'
import type { LaneGroup } from './lane-group.js'
import { type OpenHook, type Quiesced, whileFrozen } from './quiesce-sequence.js'
import type { DiskReport, MachineReport } from './run-report.js'
import { waitForAll } from './wait-for-all.js'
import { failureOf, whileOpen } from './while-open.js'
import type { WorkerPool } from './worker-pool.js'

/** Everything that the backup of one machine works with. */
export interface MachineBackup {
  readonly pipeline: Pipeline
  readonly runId: string
  readonly machine: MachineRef
  readonly source: SourceSession
  readonly hooks: readonly OpenHook[]
  readonly lanes: LaneGroup
  /** The newest usable point of this machine in each lane. */
  readonly previous: ReadonlyMap<Lane, PointEntry>
  readonly pool: WorkerPool
  /** One of several machines: they may have been made from one template. */
  readonly alike: boolean
  readonly readThrottle: Throttle
  readonly host: EngineHost
  readonly onEvent: OnEvent
}

interface CopiedDisk {
  readonly disk: CapturedDisk
  readonly tracking: Tracking
  readonly copied: DiskCopyResult
}

/** Captures a machine and commits a recovery point in every live lane: prepare, freeze, take, thaw, copy, commit, acknowledge. */
export async function backupMachine(work: MachineBackup, options: CallOptions): Promise<MachineReport> {
  const { machine, source, onEvent } = work
  onEvent({ type: 'machine-started', machine: machine.name, machineId: machine.id })
  // Without a target left nothing is to be gained by freezing anything.
  await work.lanes.each(async () => undefined)
  const shared = sharedTokens(work.lanes.alive(), work.previous)
  const tokens = new Map([...shared].map(([disk, base]) => [disk, base.token]))
  const prepared = await source.prepare(machine, { previous: tokens }, options)
  const { result, leftover } = await whileOpen(prepared, async () => {
    const quiesced = await capture(work, prepared, options)
    return await whileOpen(quiesced.result, () => storeCapture(work, quiesced, shared, options))
  })
  // What is stored is stored: that something is left at the source makes the run partial, not failed.
  const failure = result.leftover ?? leftover
  return failure === undefined
    ? result.result
    : { ...result.result, status: 'partial', error: reportedError(failure.error) }
}

async function storeCapture(
  work: MachineBackup,
  quiesced: Quiesced<Capture>,
  shared: ReadonlyMap<DiskId, SharedBase>,
  options: CallOptions,
): Promise<MachineReport> {
  const { machine, onEvent } = work
  const taken = quiesced.result
  for (const { id, reason } of taken.unavailable)
    onEvent({ type: 'disk-unavailable', machine: machine.name, disk: id, reason })
  const disks = await copyDisks(work, taken, shared, options)
  const points = await commitPoints(work, quiesced, disks, options)
  const unacknowledged = await failureOf(() => taken.acknowledge(options))
  options.signal.throwIfAborted()
  const consistency = strongerConsistency(taken.consistency, quiesced.consistency)
  const degraded = quiesced.records.some((record) => record.failure !== undefined)
  const stored = taken.unavailable.length === 0 && points.length === work.lanes.all.length
  const complete = stored && !degraded && unacknowledged === undefined
  return {
    machine: machine.name,
    machineId: machine.id,
    status: complete ? 'done' : 'partial',
    consistency,
    frozenMs: Math.max(0, ...quiesced.records.map((record) => record.frozenMs)),
    disks: disks.map(diskReport),
    unavailable: taken.unavailable,
    points,
    ...(unacknowledged === undefined ? {} : { error: reportedError(unacknowledged.error) }),
  }
}

function capture(work: MachineBackup, prepared: PreparedCapture, options: CallOptions): Promise<Quiesced<Capture>> {
  const policy = work.pipeline.onQuiesceFailure ?? 'fail'
  return whileFrozen(
    work.hooks,
    work.machine,
    policy,
    (call) => prepared.take(call),
    work.host.clock,
    work.onEvent,
    options,
  )
}

interface SharedBase {
  readonly token: ChangeToken
  readonly trees: ReadonlyMap<Lane, DiskTree>
}

/** Change tokens that every lane has a disk tree for: only then may unread data be taken over in all of them. */
function sharedTokens(
  lanes: readonly Lane[],
  previous: ReadonlyMap<Lane, PointEntry>,
): ReadonlyMap<DiskId, SharedBase> {
  const shared = new Map<DiskId, SharedBase>()
  const [first] = lanes
  const reference = first === undefined ? undefined : previous.get(first)
  for (const disk of reference?.point.disks ?? []) {
    const token = disk.changeToken
    if (token === undefined) continue
    const trees = new Map<Lane, DiskTree>()
    for (const lane of lanes) {
      const same = previous.get(lane)?.point.disks.find((other) => other.id === disk.id && other.changeToken === token)
      if (same !== undefined && same.sizeBytes === disk.sizeBytes)
        trees.set(lane, { sizeBytes: same.sizeBytes, root: fromHex(same.root) })
    }
    if (trees.size === lanes.length) shared.set(disk.id, { token, trees })
  }
  return shared
}

async function copyDisks(
  work: MachineBackup,
  taken: Capture,
  shared: ReadonlyMap<DiskId, SharedBase>,
  options: CallOptions,
): Promise<readonly CopiedDisk[]> {
  const queue = [...taken.disks]
  const copied = new Map<DiskId, CopiedDisk>()
  const failing = new AbortController()
  const signal = AbortSignal.any([options.signal, failing.signal])
  const next = async (): Promise<void> => {
    for (let disk = queue.shift(); disk !== undefined; disk = queue.shift()) {
      copied.set(disk.id, await copyOne(work, disk, shared.get(disk.id), { signal }))
    }
  }
  const stopOthers = (error: unknown): never => {
    failing.abort(error)
    throw error
  }
  const width = Math.max(1, work.pipeline.limits?.disksPerMachine ?? 2)
  // The capture is released after this: no disk of it may be in use any more.
  await waitForAll(Array.from({ length: width }, () => next().catch(stopOthers)))
  return taken.disks.flatMap((disk) => copied.get(disk.id) ?? [])
}

async function copyOne(
  work: MachineBackup,
  disk: CapturedDisk,
  base: SharedBase | undefined,
  options: CallOptions,
): Promise<CopiedDisk> {
  const { machine, lanes, pool, alike, onEvent, host } = work
  const tracking = trackingOf(disk, base)
  const since = tracking.mode === 'incremental' ? base?.token : undefined
  onEvent({ type: 'disk-started', machine: machine.name, disk: disk.id, sizeBytes: disk.sizeBytes, ...tracking })
  let shownAt = 0
  const copied = await copyDisk(
    {
      disk,
      maxConcurrentReads: work.pipeline.source.capabilities.maxConcurrentReads,
      since,
      bases: base?.trees ?? new Map(),
      lanes,
      pool,
      alike,
      throttle: work.readThrottle,
      onProgress: (positionBytes, transferredBytes) => {
        const now = host.clock.now().getTime()
        if (now - shownAt < 200 && positionBytes < disk.sizeBytes) return
        shownAt = now
        onEvent({
          type: 'disk-progress',
          machine: machine.name,
          disk: disk.id,
          sizeBytes: disk.sizeBytes,
          positionBytes,
          transferredBytes,
        })
      },
    },
    options,
  )
  onEvent({ type: 'disk-finished', machine: machine.name, disk: disk.id, readBytes: copied.readBytes })
  return { disk, tracking, copied }
}

/** The source says what it could do; the engine can only do less: without a base of the same size it reads everything. */
function trackingOf(disk: CapturedDisk, base: SharedBase | undefined): Tracking {
  if (disk.tracking.mode === 'full') return disk.tracking
  if (base === undefined) return { mode: 'full', reason: 'not every target has the capture before' }
  const [tree] = base.trees.values()
  if (tree?.sizeBytes !== disk.sizeBytes)
    return { mode: 'full', reason: `the disk was resized from ${tree?.sizeBytes} to ${disk.sizeBytes} bytes` }
  return disk.tracking
}

async function commitPoints(
  work: MachineBackup,
  quiesced: Quiesced<Capture>,
  disks: readonly CopiedDisk[],
  options: CallOptions,
): Promise<readonly { readonly target: string; readonly point: PointId }[]> {
  const { pipeline, runId, machine, lanes, previous, host, onEvent } = work
  const taken = quiesced.result
  const id = newPointId(taken.takenAt, host.randomBytes(6))
  const committed = await lanes.each(async (lane) => {
    const before = previous.get(lane)?.point.id
    const point: Omit<RecoveryPoint, 'storedBytes'> = {
      format: 1,
      id,
      runId,
      pipeline: pipeline.name,
      source: pipeline.source.id,
      machine: taken.machine,
      takenAt: taken.takenAt.toISOString(),
      completedAt: host.clock.now().toISOString(),
      consistency: strongerConsistency(taken.consistency, quiesced.consistency),
      quiesce: quiesced.records,
      disks: disks.map((disk) => storedDisk(disk, lane)),
      unavailable: taken.unavailable,
      sizeBytes: disks.reduce((sum, { disk }) => sum + disk.sizeBytes, 0),
      readBytes: disks.reduce((sum, { copied }) => sum + copied.readBytes, 0),
      ...(before === undefined ? {} : { previous: before }),
    }
    return lane.commit(point, options)
  })
  return [...committed].map(([lane, point]) => {
    onEvent({
      type: 'point-committed',
      machine: machine.name,
      target: lane.name,
      point: point.id,
      storedBytes: point.storedBytes,
    })
    return { target: lane.name, point: point.id }
  })
}

function storedDisk({ disk, tracking, copied }: CopiedDisk, lane: Lane): StoredDisk {
  const root = copied.roots.get(lane)
  if (root === undefined) throw new RangeError(`lane ${lane.name} has no tree of disk ${disk.id}`)
  const { id, sizeBytes, changeToken } = disk
  const stored = { id, sizeBytes, root: toHex(root), tracking, readBytes: copied.readBytes }
  return changeToken === undefined ? stored : { ...stored, changeToken }
}

function diskReport({ disk, tracking, copied }: CopiedDisk): DiskReport {
  return { disk: disk.id, sizeBytes: disk.sizeBytes, readBytes: copied.readBytes, tracking }
}

/** Describes a failure for a report, without secrets or stack. */
export function reportedError(error: unknown): {
  readonly code: string
  readonly message: string
  readonly hint?: string
} {
  if (!isBackupError(error))
    return { code: 'E_PLUGIN_UNEXPECTED', message: error instanceof Error ? error.message : String(error) }
  const { code, message, hint } = error
  return hint === undefined ? { code, message } : { code, message, hint }
}

/** The report of a machine of which nothing was stored. */
export function failedMachine(machine: MachineRef, error: unknown): MachineReport {
  return {
    machine: machine.name,
    machineId: machine.id,
    status: 'failed',
    frozenMs: 0,
    disks: [],
    unavailable: [],
    points: [],
    error: reportedError(error),
  }
}

/** The error for a selector that fits nothing. */
export function nothingSelected(pipeline: string): BackupError {
  return new BackupError('E_MACHINE_NOT_FOUND', `Pipeline '${pipeline}' selects no machine of its source.`, {
    hint: "Check 'select' in the config and what the source holds ('holdfast plan').",
  })
}
