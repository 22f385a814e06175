import type { CallOptions } from '../contract/context.js'
import type { CapturedDisk } from '../contract/source.js'
import type { ChangeToken } from '../model/ids.js'
import { type CuttingParameters, regionBytes } from '../repository/chunk-cutter.js'
import { type ChunkIdentity, identityName } from '../repository/chunk-id.js'
import { type DiskChunk, leafSpan, leafSpanBytes } from '../repository/disk-tree-format.js'
import { type DiskTree, readLeaf } from '../repository/disk-tree-reader.js'
import { diskTreeWriter } from '../repository/disk-tree-writer.js'
import type { Throttle } from '../repository/object-store.js'
import { permits } from '../repository/permits.js'
import { blankLeaf, type LeafWork, leafWorks, type Piece, spliceLeaf } from './disk-pieces.js'
import type { Lane } from './lane.js'
import type { LaneGroup } from './lane-group.js'
import { waitForAll } from './wait-for-all.js'
import type { WorkerPool } from './worker-pool.js'

/** A disk on its way from a capture into every lane. */
export interface DiskCopy {
  readonly disk: CapturedDisk
  readonly maxConcurrentReads: number
  /** Given when only what changed since is to be read; every live lane then has a base. */
  readonly since: ChangeToken | undefined
  readonly bases: ReadonlyMap<Lane, DiskTree>
  readonly lanes: LaneGroup
  readonly pool: WorkerPool
  /** Other disks of the run may hold the same data. */
  readonly alike: boolean
  readonly throttle: Throttle
  readonly onProgress: (positionBytes: number, readBytes: number) => void
}

/** What came of it. */
export interface DiskCopyResult {
  readonly readBytes: number
  readonly roots: ReadonlyMap<Lane, Uint8Array>
}

/** More pieces than this do not share a slab: the frame's table has bounds. */
const maxPiecesPerBatch = 1024

interface LeafJob {
  readonly work: LeafWork
  readonly edits: Map<
    Lane,
    { readonly offset: number; readonly length: number; readonly chunks: readonly DiskChunk[] }[]
  >
  outstanding: number
}

interface BatchPiece extends Piece {
  readonly job: LeafJob
}

/**
 * Reads a disk once and stores it in every live lane.
 *
 * extents → pieces → slabs (a full ring is the back-pressure) → workers cut and hash → per lane: known or encoded.
 */
export async function copyDisk(copy: DiskCopy, options: CallOptions): Promise<DiskCopyResult> {
  const { disk, lanes, pool, since } = copy
  const failing = new AbortController()
  const signal = AbortSignal.any([options.signal, failing.signal])
  const inner = { signal }
  const reads = permits(Array.from({ length: copy.maxConcurrentReads }, (_, i) => () => i))
  const { identities, columns } = identityColumns(lanes.all)
  const writers = new Map(
    lanes
      .alive()
      .map((lane) => [
        lane,
        diskTreeWriter(
          disk.sizeBytes,
          since === undefined ? undefined : copy.bases.get(lane),
          lane.trees.readNode,
          lane.trees.writeNode,
        ),
      ]),
  )
  const jobs: LeafJob[] = []
  const running = new Set<Promise<void>>()
  let readBytes = 0
  let settling: Promise<void> = Promise.resolve()

  const readBases = async (leaf: number, call: CallOptions): Promise<readonly (readonly DiskChunk[])[]> => {
    const blank = blankLeaf(leafSpan(disk.sizeBytes, leaf))
    if (since === undefined) return lanes.all.map(() => blank)
    const found = await lanes.each(async (lane) => {
      const base = copy.bases.get(lane)
      return base === undefined ? blank : readLeaf(base, leaf, lane.trees.readNode, call)
    })
    const [any] = found.values()
    return lanes.all.map((lane) => found.get(lane) ?? any ?? blank)
  }

  /** Leaves are closed in order, as soon as all their pieces are stored. */
  const settleLeaves = async (): Promise<void> => {
    for (let job = jobs[0]; job !== undefined && job.outstanding === 0; job = jobs[0]) {
      jobs.shift()
      const { leaf, bases } = job.work
      const edits = job.edits
      await lanes.each(async (lane, position) => {
        const chunks = spliceLeaf(bases[position] ?? [], leaf * leafSpanBytes, edits.get(lane) ?? [])
        await writers.get(lane)?.setLeaf(leaf, chunks, inner)
      })
      copy.onProgress(Math.min(disk.sizeBytes, (leaf + 1) * leafSpanBytes), readBytes)
    }
  }

  const storeBatch = async (slab: number, batch: readonly BatchPiece[]): Promise<void> => {
    try {
      const data = pool.slabs.data(slab)
      let at = 0
      // All of them, also after one failed: the slab may go to another machine only when nobody writes to it any more.
      await waitForAll(
        batch.map(async (piece) => {
          const into = data.subarray(at, at + piece.length)
          at += piece.length
          const place = await reads.acquire(inner)
          try {
            await copy.throttle(piece.length, inner)
            await disk.readInto(piece.offset, into, inner)
            readBytes += piece.length
          } finally {
            reads.release(place)
          }
        }),
      )
      const cutting = lanes.all[0]?.repository.description.cutting as CuttingParameters
      const cut = await pool.perform(
        { kind: 'cut', slab, pieces: batch.map((piece) => piece.length), cutting, identities, alike: copy.alike },
        inner,
      )
      const shared = lanes.all.length > 1
      const stored = await lanes.each((lane) =>
        lane.storeChunks({
          slab,
          lengths: cut.lengths,
          ids: cut.ids[columns.get(lane) ?? -1] ?? new Uint8Array(),
          shared,
        }),
      )
      for (const [lane, chunks] of stored) spread(lane, chunks, batch)
      for (const piece of batch) piece.job.outstanding--
    } finally {
      pool.slabs.inputs.release(slab)
    }
    settling = settling.then(settleLeaves)
    await settling
  }

  const launch = async (batch: readonly BatchPiece[]): Promise<void> => {
    const slab = await pool.slabs.inputs.acquire(inner)
    const task: Promise<void> = storeBatch(slab, batch)
      .catch((error: unknown) => failing.abort(error))
      .finally(() => running.delete(task))
    running.add(task)
  }

  try {
    let batch: BatchPiece[] = []
    let batchBytes = 0
    const flush = async () => {
      const full = batch
      batch = []
      batchBytes = 0
      if (full.length > 0) await launch(full)
    }
    for await (const work of leafWorks(disk.sizeBytes, disk.extents(since, inner), readBases, inner)) {
      const job: LeafJob = {
        work,
        edits: new Map(lanes.all.map((lane) => [lane, zeroEdits(work)])),
        outstanding: work.pieces.length,
      }
      jobs.push(job)
      for (const piece of work.pieces) {
        if (batchBytes + piece.length > regionBytes || batch.length >= maxPiecesPerBatch) await flush()
        batch.push({ ...piece, job })
        batchBytes += piece.length
      }
    }
    await flush()
    await Promise.all(running)
    settling = settling.then(settleLeaves)
    await settling
    signal.throwIfAborted()
    const roots = await lanes.each(async (lane) => (await writers.get(lane)?.finish(inner)) ?? new Uint8Array(32))
    copy.onProgress(disk.sizeBytes, readBytes)
    return { readBytes, roots }
  } catch (error) {
    failing.abort(error)
    await Promise.all(running)
    // The first failure is the cause; what follows it is only the echo.
    throw options.signal.aborted ? options.signal.reason : failing.signal.reason
  }
}

function zeroEdits(
  work: LeafWork,
): { readonly offset: number; readonly length: number; readonly chunks: readonly DiskChunk[] }[] {
  return work.zeroed.map((piece) => ({ ...piece, chunks: blankLeaf(piece.length) }))
}

/** Gives each piece the chunks that it was cut into. */
function spread(lane: Lane, chunks: readonly DiskChunk[], batch: readonly BatchPiece[]): void {
  let next = 0
  for (const piece of batch) {
    const own: DiskChunk[] = []
    for (let rest = piece.length; rest > 0; next++) {
      const chunk = chunks[next]
      if (chunk === undefined) throw new RangeError('a piece was cut into fewer bytes than it has')
      own.push(chunk)
      rest -= chunk.length
    }
    piece.job.edits.get(lane)?.push({ offset: piece.offset, length: piece.length, chunks: own })
  }
}

/** Lanes that make the same ids share one column of them. */
function identityColumns(lanes: readonly Lane[]): {
  readonly identities: readonly ChunkIdentity[]
  readonly columns: ReadonlyMap<Lane, number>
} {
  const distinct = new Map<string, ChunkIdentity>()
  for (const { repository } of lanes) distinct.set(identityName(repository.identity), repository.identity)
  const names = [...distinct.keys()]
  return {
    identities: [...distinct.values()],
    columns: new Map(lanes.map((lane) => [lane, names.indexOf(identityName(lane.repository.identity))])),
  }
}
