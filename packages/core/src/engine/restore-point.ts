import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { ProvisionedMachine, WritableDisk } from '../contract/source.js'
import type { DiskId } from '../model/ids.js'
import type { Machine } from '../model/machine.js'
import { fromHex, toHex } from '../repository/bytes.js'
import type { ChunkIndex } from '../repository/chunk-index.js'
import { chunkReader } from '../repository/chunk-reader.js'
import { damaged } from '../repository/damage.js'
import { diskChunks, type PlacedChunk } from '../repository/disk-tree-reader.js'
import type { RecoveryPoint, StoredDisk } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { withReaderLease } from '../repository/writer-lease.js'
import { chosenDisks } from './chosen-disks.js'
import { namingDisk } from './disk-damage.js'
import type { OnEvent } from './events.js'
import { type FrameFetcher, frameFetcher } from './fetch-frame.js'
import { type FrameFetch, planFrames } from './frame-plan.js'
import { betterIndex, loadWholeIndex } from './whole-index.js'
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

/**
 * Chunks planned at once: bounds memory, and how far apart equal frames may be to be fetched once. One window is planned
 * while another is written.
 */
const windowChunks = 8192

/** Puts a recovery point back. Every byte written was proved to be the byte that was read. */
export async function restorePoint(
  repository: Repository,
  point: RecoveryPoint,
  provision: Provision,
  pool: WorkerPool,
  options: RestoreOptions,
): Promise<RestoreReport> {
  return withRestored(repository, point, provision, pool, options, async ({ placed, disks }) => {
    await placed.commit(options)
    return { point: point.id, machine: point.machine.name, location: placed.location, disks }
  })
}

/** A machine whose disks hold the point, not committed yet. */
export interface RestoredMachine {
  readonly placed: ProvisionedMachine
  readonly disks: RestoreReport['disks']
}

/**
 * Restores a point and hands the machine over before its commit; not committed, it is removed again after `use`.
 *
 * A prune that runs meanwhile takes nothing away that the point needs.
 */
export async function withRestored<T>(
  repository: Repository,
  point: RecoveryPoint,
  provision: Provision,
  pool: WorkerPool,
  options: RestoreOptions,
  use: (restored: RestoredMachine) => Promise<T>,
): Promise<T> {
  const { store, clock, envelope } = repository
  const restore = async () => {
    const wanted = chosenDisks(point, options.disks)
    const index = await loadWholeIndex(repository, options)
    await using placed = await provision(
      point.machine,
      wanted.map(({ id, sizeBytes }) => ({ id, sizeBytes })),
      options,
    )
    const disks = await fillDisks(repository, index, point, wanted, placed, pool, options)
    return await use({ placed, disks })
  }
  return withReaderLease(store, clock, envelope.randomBytes, restore, options)
}

async function fillDisks(
  repository: Repository,
  loaded: ChunkIndex,
  point: RecoveryPoint,
  wanted: readonly StoredDisk[],
  placed: ProvisionedMachine,
  pool: WorkerPool,
  options: RestoreOptions,
): Promise<RestoreReport['disks']> {
  let index = loaded
  const disks: RestoreReport['disks'][number][] = []
  let triedAgain = false
  for (const disk of wanted) {
    const target = placed.disks.find((candidate) => candidate.id === disk.id)
    if (target === undefined) throw new BackupError('E_PLACEMENT', `No disk was provisioned for '${disk.id}'.`)
    const restore = () =>
      namingDisk(point, disk, 'restored', () => restoreDisk(repository, index, point, disk, target, pool, options))
    const writtenBytes = await restore().catch(async (error: unknown) => {
      if (triedAgain) throw error
      triedAgain = true
      const better = await betterIndex(repository, index, error, options)
      if (better === undefined) throw error
      index = better
      return restore()
    })
    disks.push({ disk: disk.id, sizeBytes: disk.sizeBytes, writtenBytes })
  }
  return disks
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
  const chunks = diskChunks({ sizeBytes: disk.sizeBytes, root: fromHex(disk.root) }, readNode, options)
  await writeFrames(plannedFrames(chunks, index), fetcher, target, pool, onWritten, options)
  onEvent({ type: 'disk-finished', machine, disk: disk.id, readBytes: written })
  return written
}

/** Plans a disk's chunks window by window, always one window ahead of who takes the frames. */
async function* plannedFrames(chunks: AsyncIterator<PlacedChunk>, index: ChunkIndex): AsyncGenerator<FrameFetch> {
  const planWindow = async (): Promise<readonly FrameFetch[]> => {
    const window: PlacedChunk[] = []
    while (window.length < windowChunks) {
      const next = await chunks.next()
      if (next.done === true) break
      window.push(next.value)
    }
    return planFrames(window, index, (chunk) => damaged(`chunk ${toHex(chunk.id)}`, 'no index lists it'))
  }
  let ahead = planWindow()
  try {
    for (;;) {
      const frames = await ahead
      if (frames.length === 0) return
      ahead = planWindow()
      // Its failure is told when its turn comes.
      ahead.catch(() => undefined)
      yield* frames
    }
  } finally {
    // Whoever stops early has his own reason; nothing may still read when the repository is closed.
    await ahead.catch(() => undefined)
  }
}

async function writeFrames(
  frames: AsyncGenerator<FrameFetch>,
  fetcher: FrameFetcher,
  target: WritableDisk,
  pool: WorkerPool,
  onWritten: (bytes: number, position: number) => void,
  options: CallOptions,
): Promise<void> {
  const failing = new AbortController()
  const inner = { signal: AbortSignal.any([options.signal, failing.signal]) }
  const worker = async (): Promise<void> => {
    for (;;) {
      const next = await frames.next()
      if (next.done === true || failing.signal.aborted) return
      const current = next.value
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
  const lanes = Array.from({ length: pool.slabs.count }, () => worker().catch((error: unknown) => failing.abort(error)))
  await Promise.all(lanes)
  await frames.return(undefined)
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
