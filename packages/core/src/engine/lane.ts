import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { TransformPlugin } from '../contract/transform.js'
import { chunkIdBytes } from '../repository/chunk-id.js'
import { type ChunkIndex, createChunkIndex } from '../repository/chunk-index.js'
import { chunkReader } from '../repository/chunk-reader.js'
import { type ChainLink, chainLink } from '../repository/codec-chain.js'
import { listCondemned } from '../repository/condemned.js'
import type { DiskChunk } from '../repository/disk-tree-format.js'
import { isZeroId } from '../repository/disk-tree-format.js'
import { frameTableBytes } from '../repository/frame.js'
import { loadIndex, storeIndexRun } from '../repository/index-store.js'
import { type PackWriter, packWriter } from '../repository/pack-writer.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { type TreeStore, treeStore } from '../repository/tree-store.js'
import { takeLease, type WriterLease } from '../repository/writer-lease.js'
import type { WorkerPool } from './worker-pool.js'
import type { CutResult } from './worker-tasks.js'

/** The way of new data into one target: index, packs and trees of one repository during a run. */
export interface Lane extends AsyncDisposable {
  readonly name: string
  readonly repository: Repository
  readonly index: ChunkIndex
  readonly trees: TreeStore
  /**
   * Stores what is new of a slab's chunks and returns all of them in order.
   *
   * `identity` says which column of ids in `cut` is this lane's.
   */
  readonly storeChunks: (
    slab: number,
    cut: CutResult,
    identity: number,
    options: CallOptions,
  ) => Promise<readonly DiskChunk[]>
  /** Makes everything that the point refers to durable, then the point itself. Spec: "Order of writes". */
  readonly commit: (point: Omit<RecoveryPoint, 'storedBytes'>, options: CallOptions) => Promise<RecoveryPoint>
  /** Makes everything stored so far durable and listed, without a point. */
  readonly settle: (options: CallOptions) => Promise<void>
  readonly leaseId: string
  readonly storedBytes: () => number
  readonly newChunks: () => number
}

/** Opens a lane: announces the writer, reads the index, leaves out what is condemned or `excludedPacks`. */
export async function openLane(
  name: string,
  repository: Repository,
  transforms: readonly TransformPlugin[],
  pool: WorkerPool,
  signal: AbortSignal,
  excludedPacks: ReadonlySet<string> = new Set(),
): Promise<Lane> {
  const options = { signal }
  const { store, envelope } = repository
  // The lease comes first: from here on prune keeps what this writer may come to reference.
  const lease = await takeLease(store, repository.clock, envelope.randomBytes, options)
  try {
    const condemned = await listCondemned(store, envelope, options)
    const index = createChunkIndex(new Set([...excludedPacks, ...condemned.flatMap((entry) => entry.packs)]))
    await loadIndex(store, envelope, index, ignoreDamage, options)
    return lane(name, repository, transforms.map(chainLink), index, lease, pool, signal)
  } catch (error) {
    await lease.release()
    throw error
  }
}

/** What a damaged index object listed is simply stored again; `verify` is who reports it. */
function ignoreDamage(): void {}

function lane(
  name: string,
  repository: Repository,
  links: readonly ChainLink[],
  index: ChunkIndex,
  lease: WriterLease,
  pool: WorkerPool,
  signal: AbortSignal,
): Lane {
  const { store, envelope, identity, transforms, keys } = repository
  const writer = (kind: 'data' | 'tree'): PackWriter => packWriter({ store, index, envelope, links, kind, signal })
  const dataPacks = writer('data')
  const treePacks = writer('tree')
  const readStored = chunkReader(store, index, identity, transforms, keys?.keyring)
  const trees = treeStore(index, identity, links, treePacks, readStored)
  let newChunks = 0
  let committing: Promise<unknown> = Promise.resolve()

  const settle = async (options: CallOptions): Promise<void> => {
    await trees.flush(options)
    await Promise.all([dataPacks.flush(), treePacks.flush()])
    const run = index.takeFresh()
    if (run !== undefined) await storeIndexRun(store, envelope, run, options)
  }

  const commitPoint = async (
    point: Omit<RecoveryPoint, 'storedBytes'>,
    options: CallOptions,
  ): Promise<RecoveryPoint> => {
    await settle(options)
    if (!lease.isFresh()) {
      throw new BackupError(
        'E_TIMEOUT',
        `The run stood still for so long that a prune may have taken it for dead; nothing was committed to '${name}'.`,
        {
          hint: 'Run again: what is already stored is reused.',
        },
      )
    }
    const complete: RecoveryPoint = { ...point, storedBytes: dataPacks.storedBytes() + treePacks.storedBytes() }
    await repository.points.write(complete, options)
    return complete
  }

  /** One commit at a time keeps index objects apart; a failed one is reported to its own caller. */
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const done = committing.then(action)
    committing = done.catch(() => undefined)
    return done
  }

  return {
    name,
    repository,
    index,
    trees,
    storedBytes: () => dataPacks.storedBytes() + treePacks.storedBytes(),
    newChunks: () => newChunks,
    storeChunks: async (slab, cut, identityColumn, options) => {
      const ids = cut.ids[identityColumn] ?? new Uint8Array()
      const chunks: DiskChunk[] = []
      const fresh: { readonly id: Uint8Array; readonly offset: number; readonly length: number }[] = []
      let offset = 0
      cut.lengths.forEach((length, i) => {
        const id = ids.subarray(i * chunkIdBytes, (i + 1) * chunkIdBytes)
        chunks.push({ id, length })
        if (!isZeroId(id) && index.claim(id)) fresh.push({ id, offset, length })
        offset += length
      })
      if (fresh.length === 0) return chunks
      newChunks += fresh.length
      const plainBytes = fresh.reduce((sum, chunk) => sum + chunk.length, frameTableBytes(fresh.length))
      const output = await pool.slabs.outputs.acquire(options)
      try {
        const slot = await dataPacks.reserve(plainBytes, options)
        try {
          const frame = { chunks: fresh, links, pack: slot.pack, sequence: slot.sequence, output }
          const { lengths } = await pool.perform({ kind: 'encode', slab, frames: [frame] }, options)
          slot.append(pool.slabs.whole(output).subarray(0, lengths[0]), fresh)
        } catch (error) {
          slot.abandon()
          throw error
        }
      } finally {
        pool.slabs.outputs.release(output)
      }
      return chunks
    },
    settle: (options) => inTurn(() => settle(options)),
    leaseId: lease.id,
    commit: (point, options) => inTurn(() => commitPoint(point, options)),
    [Symbol.asyncDispose]: () => lease.release(),
  }
}
