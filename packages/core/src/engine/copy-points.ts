import type { CallOptions } from '../contract/context.js'
import type { TransformPlugin } from '../contract/transform.js'
import type { ChangeToken } from '../model/ids.js'
import { fromHex, toHex } from '../repository/bytes.js'
import { chunkReader } from '../repository/chunk-reader.js'
import type { DiskTree } from '../repository/disk-tree-reader.js'
import { byAge, type PointEntry } from '../repository/point-store.js'
import type { RecoveryPoint, StoredDisk } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { copyDisk } from './copy-disk.js'
import type { OnEvent } from './events.js'
import { frameFetcher } from './fetch-frame.js'
import { type Lane, openLane } from './lane.js'
import { laneGroup } from './lane-group.js'
import { repositoryDisk, type StoredDiskReader } from './repository-disk.js'
import { loadWholeIndex } from './whole-index.js'
import { copyPool, type WorkerPool } from './worker-pool.js'

/** How to copy. */
export interface CopyOptions extends CallOptions {
  readonly onEvent?: OnEvent
  /** Chain for the target that is copied to. */
  readonly transforms: readonly TransformPlugin[]
  /** What events call the repository that is copied to. @defaultValue `'copy'` */
  readonly target?: string
  /** @defaultValue 2 */
  readonly workers?: number
  /** Points of the repository that is copied from: of what a copy of an earlier one holds, nothing is read again. @defaultValue those to copy */
  readonly earlier?: readonly PointEntry[]
}

/** What a copy did. */
export interface CopyReport {
  readonly copied: readonly { readonly point: string; readonly machine: string; readonly storedBytes: number }[]
  /** Points that were there already. */
  readonly skipped: readonly string[]
}

/** A point as the other target holds it: same run, same machine. */
export function sameCapture(a: RecoveryPoint, b: RecoveryPoint): boolean {
  return a.runId === b.runId && a.machine.id === b.machine.id
}

/**
 * Copies recovery points from one repository to another, oldest first, each as a complete point of its own.
 *
 * Chunks are decoded, proved and encoded anew: the other repository has its own keys, ids and chain.
 */
export async function copyPoints(
  from: Repository,
  to: Repository,
  points: readonly PointEntry[],
  options: CopyOptions,
): Promise<CopyReport> {
  await using pool = copyPool(options.workers ?? 2)
  const { reading, writing } = pool
  await using lane = await openLane(options.target ?? 'copy', to, options.transforms, writing, options.signal)
  const reader = await storedDiskReader(from, reading, options)
  const known = lane.points.map((entry) => entry.point)
  const copied: CopyReport['copied'][number][] = []
  const skipped: string[] = []
  for (const { point } of [...points].sort((a, b) => byAge(a.point, b.point))) {
    if (known.some((other) => sameCapture(other, point))) {
      skipped.push(point.id)
      continue
    }
    const pair = previousPair(options.earlier ?? points, known, point)
    const before = pair !== undefined && (await lane.canBuildOn(pair.copy, options)) ? pair : undefined
    const stored = await copyPoint(from, point, before, lane, reader, writing, options)
    known.push(stored)
    copied.push({ point: point.id, machine: point.machine.name, storedBytes: stored.storedBytes })
    options.onEvent?.({
      type: 'point-committed',
      machine: point.machine.name,
      target: lane.name,
      point: point.id,
      storedBytes: stored.storedBytes,
    })
  }
  return { copied, skipped }
}

/** Opens a repository for reading disks out of it. */
export async function storedDiskReader(
  repository: Repository,
  pool: WorkerPool,
  options: CallOptions,
): Promise<StoredDiskReader> {
  const index = await loadWholeIndex(repository, options)
  return {
    index,
    readNode: chunkReader(
      repository.store,
      index,
      repository.identity,
      repository.transforms,
      repository.keys?.keyring,
    ),
    fetcher: frameFetcher(repository, pool),
  }
}

interface Pair {
  readonly source: RecoveryPoint
  readonly copy: RecoveryPoint
}

/** The newest earlier point of the machine that both sides hold: differences from it are all that must be read. */
function previousPair(
  points: readonly PointEntry[],
  known: readonly RecoveryPoint[],
  point: RecoveryPoint,
): Pair | undefined {
  const earlier = points
    .map((entry) => entry.point)
    .filter((other) => other.machine.id === point.machine.id && byAge(other, point) < 0)
  for (const source of earlier.sort((a, b) => byAge(b, a))) {
    const copy = known.find((other) => sameCapture(other, source))
    if (copy !== undefined) return { source, copy }
  }
  return undefined
}

/** Copies one point into a lane and commits it there, under the same id. */
async function copyPoint(
  from: Repository,
  point: RecoveryPoint,
  before: Pair | undefined,
  lane: Lane,
  reader: StoredDiskReader,
  pool: WorkerPool,
  options: CallOptions & { readonly onEvent?: OnEvent },
): Promise<RecoveryPoint> {
  const disks = await copyStoredDisks(point, before, lane, reader, pool, options)
  const { storedBytes: _, ...rest } = point
  return lane.commit({ ...rest, disks, copiedFrom: { repository: from.description.id, point: point.id } }, options)
}

/** Copies the disks of a point into a lane and returns them with their new roots. */
async function copyStoredDisks(
  point: RecoveryPoint,
  before: Pair | undefined,
  lane: Lane,
  reader: StoredDiskReader,
  pool: WorkerPool,
  options: CallOptions & { readonly onEvent?: OnEvent },
): Promise<readonly StoredDisk[]> {
  const machine = point.machine.name
  const onEvent = options.onEvent ?? (() => {})
  const disks: StoredDisk[] = []
  for (const disk of point.disks) {
    const source = before?.source.disks.find((other) => other.id === disk.id && other.sizeBytes === disk.sizeBytes)
    const copy = before?.copy.disks.find((other) => other.id === disk.id && other.sizeBytes === disk.sizeBytes)
    const token = before?.source.id as string | undefined as ChangeToken | undefined
    const since = source !== undefined && copy !== undefined ? token : undefined
    const base: DiskTree | undefined =
      copy === undefined ? undefined : { sizeBytes: copy.sizeBytes, root: fromHex(copy.root) }
    const view = repositoryDisk(
      disk,
      source === undefined || since === undefined ? undefined : { token: since, disk: source },
      reader,
    )
    onEvent({ type: 'disk-started', machine, disk: disk.id, sizeBytes: disk.sizeBytes, ...view.tracking })
    const lanes = laneGroup([lane], options.signal, () => {})
    const result = await copyDisk(
      {
        disk: view,
        maxConcurrentReads: 2,
        since,
        bases: base === undefined ? new Map() : new Map([[lane, base]]),
        lanes,
        pool,
        alike: true,
        throttle: async () => {},
        onProgress: (positionBytes, transferredBytes) =>
          onEvent({
            type: 'disk-progress',
            machine,
            disk: disk.id,
            sizeBytes: disk.sizeBytes,
            positionBytes,
            transferredBytes,
          }),
      },
      options,
    )
    onEvent({ type: 'disk-finished', machine, disk: disk.id, readBytes: result.readBytes })
    disks.push({ ...disk, root: toHex(result.roots.get(lane) ?? new Uint8Array(32)) })
  }
  return disks
}
