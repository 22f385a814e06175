import type { CallOptions } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import type { ProvisionedMachine, WritableDisk } from '../contract/source.js'
import type { DiskId } from '../model/ids.js'
import type { Machine } from '../model/machine.js'
import { fromHex, toHex } from '../repository/bytes.js'
import { type ChunkIndex, createChunkIndex } from '../repository/chunk-index.js'
import { chunkReader } from '../repository/chunk-reader.js'
import { damaged } from '../repository/damage.js'
import { diskChunks, type PlacedChunk } from '../repository/disk-tree-reader.js'
import { loadIndex } from '../repository/index-store.js'
import type { RecoveryPoint, StoredDisk } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import type { OnEvent } from './events.js'
import { type FrameFetcher, frameFetcher } from './fetch-frame.js'
import { type FrameFetch, planFrames } from './frame-plan.js'
import type { WorkerPool } from './worker-pool.js'

/** Creates blank disks somewhere: a folder, or a hypervisor's restore facet. */
export type Provision = (
  machine: Machine,
  disks: readonly { readonly id: DiskId; readonly sizeBytes: number }[],
  options: CallOptions,
) => Promise<ProvisionedMachine>

/** How to restore a point. */
export interface RestoreOptions extends CallOptions {
  readonly onEvent?: OnEvent
  /** Restore only these disks. @defaultValue all */
  readonly disks?: readonly DiskId[]
}

/** What a restore did. */
export interface RestoreReport {
  readonly point: string
  readonly machine: string
  readonly location: string
  readonly disks: readonly { readonly disk: DiskId; readonly sizeBytes: number; readonly writtenBytes: number }[]
}

/** Chunks planned at once: bounds memory, and how far apart equal frames may be to be fetched once. */
const windowChunks = 32_768

/** Puts a recovery point back. Every byte written was proved to be the byte that was read. */
export async function restorePoint(
  repository: Repository,
  point: RecoveryPoint,
  provision: Provision,
  pool: WorkerPool,
  options: RestoreOptions,
): Promise<RestoreReport> {
  const wanted = point.disks.filter((disk) => options.disks === undefined || options.disks.includes(disk.id))
  for (const id of options.disks ?? []) {
    if (!wanted.some((disk) => disk.id === id)) {
      throw new BackupError('E_USAGE', `${point.machine.name} has no disk '${id}' in this point.`, {
        hint: `Its disks: ${point.disks.map((disk) => disk.id).join(', ')}.`,
      })
    }
  }
  const index = await loadWholeIndex(repository, options)
  await using placed = await provision(
    point.machine,
    wanted.map(({ id, sizeBytes }) => ({ id, sizeBytes })),
    options,
  )
  const disks: RestoreReport['disks'][number][] = []
  for (const disk of wanted) {
    const target = placed.disks.find((candidate) => candidate.id === disk.id)
    if (target === undefined) throw new BackupError('E_PLACEMENT', `No disk was provisioned for '${disk.id}'.`)
    const writtenBytes = await inDisk(point, disk, () =>
      restoreDisk(repository, index, point, disk, target, pool, options),
    )
    disks.push({ disk: disk.id, sizeBytes: disk.sizeBytes, writtenBytes })
  }
  await placed.commit(options)
  return { point: point.id, machine: point.machine.name, location: placed.location, disks }
}

/** Reads the index; damaged index objects fail here, since what they list cannot be found. */
export async function loadWholeIndex(repository: Repository, options: CallOptions): Promise<ChunkIndex> {
  const index = createChunkIndex()
  const failures: unknown[] = []
  await loadIndex(repository.store, repository.envelope, index, (_, error) => failures.push(error), options)
  if (failures.length > 0) throw failures[0]
  return index
}

async function restoreDisk(
  repository: Repository,
  index: ChunkIndex,
  point: RecoveryPoint,
  disk: StoredDisk,
  target: WritableDisk,
  pool: WorkerPool,
  options: RestoreOptions,
): Promise<number> {
  const onEvent = options.onEvent ?? (() => {})
  const machine = point.machine.name
  const fetcher = frameFetcher(repository, pool)
  const readNode = chunkReader(
    repository.store,
    index,
    repository.identity,
    repository.transforms,
    repository.keys?.keyring,
  )
  onEvent({
    type: 'disk-started',
    machine,
    disk: disk.id,
    sizeBytes: disk.sizeBytes,
    mode: 'full',
    reason: `restoring ${point.id}`,
  })
  let written = 0
  let shownAt = 0
  const onWritten = (bytes: number, position: number) => {
    written += bytes
    const now = Date.now()
    if (now - shownAt < 200) return
    shownAt = now
    onEvent({
      type: 'disk-progress',
      machine,
      disk: disk.id,
      sizeBytes: disk.sizeBytes,
      positionBytes: position,
      transferredBytes: written,
    })
  }
  let window: PlacedChunk[] = []
  const flush = async () => {
    const frames = planFrames(window, index, (chunk) => damaged(`chunk ${toHex(chunk.id)}`, 'no index lists it'))
    window = []
    await writeFrames(frames, fetcher, target, pool, onWritten, options)
  }
  for await (const chunk of diskChunks({ sizeBytes: disk.sizeBytes, root: fromHex(disk.root) }, readNode, options)) {
    window.push(chunk)
    if (window.length >= windowChunks) await flush()
  }
  await flush()
  onEvent({ type: 'disk-finished', machine, disk: disk.id, readBytes: written })
  return written
}

async function writeFrames(
  frames: readonly FrameFetch[],
  fetcher: FrameFetcher,
  target: WritableDisk,
  pool: WorkerPool,
  onWritten: (bytes: number, position: number) => void,
  options: CallOptions,
): Promise<void> {
  const failing = new AbortController()
  const inner = { signal: AbortSignal.any([options.signal, failing.signal]) }
  let next = 0
  const worker = async (): Promise<void> => {
    for (let frame = frames[next++]; frame !== undefined; frame = frames[next++]) {
      const current = frame
      await fetcher.withFrame(
        current,
        false,
        async ({ chunks, plain }) => {
          for (const run of contiguousRuns(current, chunks)) {
            await target.write(run.diskOffset, plain.subarray(run.plainOffset, run.plainOffset + run.length), inner)
            onWritten(run.length, run.diskOffset)
          }
        },
        inner,
      )
    }
  }
  const lanes = Array.from({ length: pool.slabs.memory.length }, () =>
    worker().catch((error: unknown) => failing.abort(error)),
  )
  await Promise.all(lanes)
  options.signal.throwIfAborted()
  if (failing.signal.aborted) throw failing.signal.reason
}

/** Joins chunks that lie side by side both in the frame and on the disk: one write instead of many. */
function contiguousRuns(
  frame: FrameFetch,
  listed: readonly { readonly id: Uint8Array; readonly offset: number; readonly length: number }[],
): readonly { readonly plainOffset: number; readonly diskOffset: number; readonly length: number }[] {
  const actual = new Map(listed.map((chunk) => [chunk.offset, chunk]))
  const runs: { plainOffset: number; diskOffset: number; length: number }[] = []
  for (const [plainOffset, { id, length, diskOffsets }] of [...frame.chunks].sort(([a], [b]) => a - b)) {
    const chunk = actual.get(plainOffset)
    if (chunk === undefined || chunk.length !== length || toHex(chunk.id) !== id) {
      throw damaged(
        `packs/${frame.pack.id.slice(0, 2)}/${frame.pack.id}`,
        `the frame that should hold chunk ${id} holds another`,
      )
    }
    for (const diskOffset of diskOffsets) {
      const last = runs[runs.length - 1]
      if (
        last !== undefined &&
        last.plainOffset + last.length === plainOffset &&
        last.diskOffset + last.length === diskOffset
      )
        last.length += length
      else runs.push({ plainOffset, diskOffset, length })
    }
  }
  return runs
}

async function inDisk<T>(point: RecoveryPoint, disk: StoredDisk, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (!isBackupError(error) || (error.code !== 'E_DAMAGED' && error.code !== 'E_OBJECT_NOT_FOUND')) throw error
    const object = String(error.context['object'] ?? error.context['key'] ?? '')
    throw new BackupError(
      'E_DAMAGED',
      `Disk '${disk.id}' of ${point.machine.name} (${point.id}) cannot be restored: ${error.message}`,
      {
        operation: 'restore.disk',
        context: { object, machine: point.machine.name, point: point.id, disk: disk.id },
        hint: error.hint ?? "Restore from another target, or mend this one with 'holdfast repair --from'.",
        cause: error,
      },
    )
  }
}
