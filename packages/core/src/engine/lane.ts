import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { TransformPlugin } from '../contract/transform.js'
import { fromHex } from '../repository/bytes.js'
import { chunkIdBytes } from '../repository/chunk-id.js'
import { type ChunkIndex, createChunkIndex } from '../repository/chunk-index.js'
import { chunkReader } from '../repository/chunk-reader.js'
import { type ChainLink, chainLink } from '../repository/codec-chain.js'
import { listCondemned } from '../repository/condemned.js'
import { type DiskChunk, isZeroId } from '../repository/disk-tree-format.js'
import { type ReadChunk, type TreeNode, walkNodes } from '../repository/disk-tree-reader.js'
import { frameTableBytes } from '../repository/frame.js'
import { loadIndex, storeIndexRun } from '../repository/index-store.js'
import { type PackWriter, packWriter } from '../repository/pack-writer.js'
import type { PointEntry } from '../repository/point-store.js'
import type { RecoveryPoint } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'
import { type TreeStore, treeStore } from '../repository/tree-store.js'
import { takeLease, type WriterLease } from '../repository/writer-lease.js'
import type { WorkerPool } from './worker-pool.js'

/** The chunks of a slab, in order, with the ids that they have in one lane. */
export interface SlabChunks {
  readonly slab: number
  readonly lengths: Uint32Array
  /** 32 bytes a chunk; zeros where the chunk is zero. */
  readonly ids: Uint8Array
  /** Other lanes encode from the slab at the same time, so that it must be left as it is. */
  readonly shared: boolean
}

/** The way of new data into one target: index, packs and trees of one repository during a run. */
export interface Lane extends AsyncDisposable {
  readonly name: string
  readonly repository: Repository
  readonly index: ChunkIndex
  readonly trees: TreeStore
  /** Recovery points that were there when the lane was opened: the index knows all that they refer to. */
  readonly points: readonly PointEntry[]
  /** Tells whether everything that a point refers to may be taken over: what is condemned may soon be gone. */
  readonly canBuildOn: (point: RecoveryPoint, options: CallOptions) => Promise<boolean>
  /**
   * Stores what is new of a slab's chunks and returns all of them in order.
   *
   * Only the end of the lane stops it: other machines may already count on chunks that it claimed.
   */
  readonly storeChunks: (from: SlabChunks) => Promise<readonly DiskChunk[]>
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
  const lease = await takeLease(store, repository.clock, envelope.randomBytes, 'writer', options)
  try {
    const condemned = await listCondemned(store, envelope, options)
    const excluded = new Set([...excludedPacks, ...condemned.flatMap((entry) => entry.packs)])
    // Points before the index: then whatever they refer to is listed, however many other writers commit meanwhile.
    const { entries } = await repository.points.list(options)
    const index = createChunkIndex(excluded)
    await loadIndex(store, envelope, index, ignoreDamage, options)
    return lane({
      name,
      repository,
      links: transforms.map(chainLink),
      index,
      points: entries,
      isWhole: excluded.size === 0,
      lease,
      pool,
      signal,
    })
  } catch (error) {
    await lease.release()
    throw error
  }
}

/** What a damaged index object listed is simply stored again; `verify` is who reports it. */
function ignoreDamage(): void {}

interface LaneParts {
  readonly name: string
  readonly repository: Repository
  readonly links: readonly ChainLink[]
  readonly index: ChunkIndex
  readonly points: readonly PointEntry[]
  /** No pack is left out of the index. */
  readonly isWhole: boolean
  readonly lease: WriterLease
  readonly pool: WorkerPool
  readonly signal: AbortSignal
}

function lane({ name, repository, links, index, points, isWhole, lease, pool, signal }: LaneParts): Lane {
  const { store, envelope, identity, transforms, keys } = repository
  const own: CallOptions = { signal }
  const writer = (kind: 'data' | 'tree'): PackWriter => packWriter({ store, index, envelope, links, kind, signal })
  const dataPacks = writer('data')
  const treePacks = writer('tree')
  const readStored = chunkReader(store, index, identity, transforms, keys?.keyring)
  const nodes = treeStore(index, identity, links, treePacks, readStored)
  // A disk that fails stops its own calls, but must not tear nodes from a lane that other machines share.
  const trees: TreeStore = {
    ...nodes,
    readNode: (id) => nodes.readNode(id, own),
    writeNode: (bytes) => nodes.writeNode(bytes, own),
  }
  const storing = new Set<Promise<unknown>>()
  let broken: { readonly error: unknown } | undefined
  const storedBytes = () => dataPacks.storedBytes() + treePacks.storedBytes()
  let attributedBytes = 0
  let newChunks = 0
  let committing: Promise<unknown> = Promise.resolve()

  const settle = async (options: CallOptions): Promise<void> => {
    // A point may refer to chunks that another machine claimed and is still encoding.
    await Promise.allSettled([...storing])
    await trees.flush()
    await Promise.all([dataPacks.flush(), treePacks.flush()])
    if (broken !== undefined) throw broken.error
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
    // What several machines store at once belongs to the first that commits: packs are shared.
    const complete: RecoveryPoint = { ...point, storedBytes: storedBytes() - attributedBytes }
    attributedBytes = storedBytes()
    await repository.points.write(complete, options)
    return complete
  }

  /** One commit at a time keeps index objects apart; a failed one is reported to its own caller. */
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const done = committing.then(action)
    committing = done.catch(() => undefined)
    return done
  }

  const storeChunks = async ({ slab, lengths, ids, shared }: SlabChunks): Promise<readonly DiskChunk[]> => {
    const chunks: DiskChunk[] = []
    const fresh: { readonly id: Uint8Array; readonly offset: number; readonly length: number }[] = []
    let offset = 0
    lengths.forEach((length, i) => {
      const id = ids.subarray(i * chunkIdBytes, (i + 1) * chunkIdBytes)
      chunks.push({ id, length })
      if (!isZeroId(id) && index.claim(id)) fresh.push({ id, offset, length })
      offset += length
    })
    if (fresh.length === 0) return chunks
    newChunks += fresh.length
    const plainBytes = fresh.reduce((sum, chunk) => sum + chunk.length, frameTableBytes(fresh.length))
    const slot = await dataPacks.reserve(plainBytes)
    try {
      const { pack, sequence, room } = slot
      const task = { kind: 'encode', slab, shared, chunks: fresh, links, pack, sequence, room: room.memory } as const
      const { frameOffset, frameBytes } = await pool.perform(task, own)
      slot.place(frameOffset, frameBytes, fresh)
    } catch (error) {
      slot.abandon()
      throw error
    }
    return chunks
  }

  /** Keeps count of what is under way; a chunk that was claimed and not stored breaks the lane for good. */
  const tracked = async <T>(work: Promise<T>): Promise<T> => {
    storing.add(work)
    try {
      return await work
    } catch (error) {
      broken ??= { error }
      throw error
    } finally {
      storing.delete(work)
    }
  }

  return {
    name,
    repository,
    index,
    trees,
    points,
    canBuildOn: async (point, options) => isWhole || isListed(point, index, trees.readNode, options),
    storedBytes,
    newChunks: () => newChunks,
    storeChunks: (from) => tracked(storeChunks(from)),
    settle: (options) =>
      inTurn(async () => {
        await settle(options)
        await store.sync(options)
      }),
    leaseId: lease.id,
    commit: (point, options) => inTurn(() => commitPoint(point, options)),
    [Symbol.asyncDispose]: () => lease.release(),
  }
}

/** Walks the trees of a point: tells whether the index lists every node and chunk. */
async function isListed(
  point: RecoveryPoint,
  index: ChunkIndex,
  readNode: ReadChunk,
  options: CallOptions,
): Promise<boolean> {
  let whole = true
  for (const disk of point.disks) {
    const tree = { sizeBytes: disk.sizeBytes, root: fromHex(disk.root) }
    const visit = async (node: TreeNode): Promise<boolean> => {
      whole &&= index.find(node.id) !== undefined
      if (whole && node.level === 0)
        whole = (await node.chunks()).every((chunk) => isZeroId(chunk.id) || index.find(chunk.id) !== undefined)
      return whole
    }
    if (whole) await walkNodes(tree, readNode, visit, options)
  }
  return whole
}
