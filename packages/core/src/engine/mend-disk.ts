import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import type { CapturedDisk } from '../contract/source.js'
import { fromHex, sameBytes } from '../repository/bytes.js'
import { regionBytes } from '../repository/chunk-cutter.js'
import { chunkHasher, chunkIdBytes } from '../repository/chunk-id.js'
import { isDamage } from '../repository/damage.js'
import {
  childrenOf,
  type DiskChunk,
  decodeInner,
  decodeLeaf,
  encodeInner,
  encodeLeaf,
  isZeroId,
  leafSpan,
  leafSpanBytes,
  treeFanOut,
  treeLevels,
  zeroId,
} from '../repository/disk-tree-format.js'
import { type PlacedChunk, readLeaf } from '../repository/disk-tree-reader.js'
import type { StoredDisk } from '../repository/recovery-point.js'
import type { Lane } from './lane.js'
import { repositoryDisk, type StoredDiskReader } from './repository-disk.js'
import type { WorkerPool } from './worker-pool.js'

/** Where the missing parts of a disk come from: the same disk as another repository holds it. */
export interface DiskDonor {
  readonly disk: StoredDisk
  readonly reader: StoredDiskReader
}

/** What mending a disk came to. */
export interface MendedDisk {
  /** The same as before unless nodes of the tree were lost whose cutting could not be found again. */
  readonly root: Uint8Array
  /** The donor has other bytes where ours are known: it does not hold the same capture. */
  readonly contradicts: boolean
}

/**
 * Makes a disk's tree whole in a lane: what the lane lacks is read from the donor.
 *
 * Guarantee: a chunk whose id is known is taken only when the donor's bytes have that id. With `root` unknown, the whole
 * tree is made from the donor.
 */
export async function mendDisk(
  sizeBytes: number,
  root: Uint8Array | undefined,
  donor: DiskDonor,
  lane: Lane,
  pool: WorkerPool,
  options: CallOptions,
): Promise<MendedDisk> {
  const view = repositoryDisk(donor.disk, undefined, donor.reader)
  const tree = { sizeBytes, root: fromHex(donor.disk.root) }
  let contradicts = false

  const known = async (id: Uint8Array): Promise<Uint8Array | undefined> => {
    if (lane.index.find(id) === undefined) return undefined
    try {
      return await lane.trees.readNode(id, options)
    } catch (error) {
      if (!isDamage(error)) throw error
      return undefined
    }
  }

  const mendLeaf = async (id: Uint8Array | undefined, index: number): Promise<Uint8Array> => {
    const node = id === undefined ? undefined : await known(id)
    const span = leafSpan(sizeBytes, index)
    if (id !== undefined && node !== undefined) {
      const missing = placed(decodeLeaf(node, span), index).filter(
        (chunk) => !isZeroId(chunk.id) && !lane.index.has(chunk.id),
      )
      const stored = await storeRanges(missing, view, lane, pool, options)
      if (!stored.every((chunk, i) => sameBytes(chunk.id, missing[i]?.id ?? zeroId))) contradicts = true
      return id
    }
    const theirs = placed(await readLeaf(tree, index, donor.reader.readNode, options), index)
    const ours = await storeRanges(
      theirs.filter((chunk) => !isZeroId(chunk.id)),
      view,
      lane,
      pool,
      options,
    )
    const chunks = theirs.map((chunk) => (isZeroId(chunk.id) ? chunk : (ours.shift() ?? chunk)))
    return chunks.every((chunk) => isZeroId(chunk.id)) ? zeroId : lane.trees.writeNode(encodeLeaf(chunks), options)
  }

  const mend = async (id: Uint8Array | undefined, level: number, index: number): Promise<Uint8Array> => {
    if (id !== undefined && isZeroId(id)) return id
    if (level === 0) return mendLeaf(id, index)
    const count = childrenOf(sizeBytes, level, index)
    const node = id === undefined ? undefined : await known(id)
    const before = node === undefined ? undefined : decodeInner(node, level, count)
    const children: Uint8Array[] = []
    for (let i = 0; i < count; i++) children.push(await mend(before?.[i], level - 1, index * treeFanOut + i))
    if (id !== undefined && before?.every((child, i) => sameBytes(child, children[i] ?? zeroId)) === true) return id
    return children.every(isZeroId) ? zeroId : lane.trees.writeNode(encodeInner(level, children), options)
  }

  return { root: sizeBytes === 0 ? (root ?? zeroId) : await mend(root, treeLevels(sizeBytes), 0), contradicts }
}

function placed(chunks: readonly DiskChunk[], leaf: number): readonly PlacedChunk[] {
  let offset = leaf * leafSpanBytes
  return chunks.map((chunk) => {
    const own = { ...chunk, offset }
    offset += chunk.length
    return own
  })
}

/** Reads ranges of the donor's disk a slab at a time, stores each as a chunk of the lane, and returns what they became. */
async function storeRanges(
  ranges: readonly PlacedChunk[],
  view: CapturedDisk,
  lane: Lane,
  pool: WorkerPool,
  options: CallOptions,
): Promise<DiskChunk[]> {
  const stored: DiskChunk[] = []
  const hash = chunkHasher(lane.repository.identity)
  for (const batch of batches(ranges)) {
    const slab = await pool.slabs.inputs.acquire(options)
    try {
      const data = pool.slabs.data(slab)
      const ids = new Uint8Array(batch.length * chunkIdBytes)
      let at = 0
      for (const run of neighbours(batch)) {
        await view.readInto(run.offset, data.subarray(at, at + run.length), options)
        at += run.length
      }
      at = 0
      batch.forEach((range, i) => {
        const plain = data.subarray(at, at + range.length)
        at += range.length
        const isZero = Buffer.from(plain).every((byte) => byte === 0)
        if (!isZero) ids.set(hash(plain), i * chunkIdBytes)
      })
      const lengths = Uint32Array.from(batch.map((range) => range.length))
      stored.push(...(await lane.storeChunks({ slab, lengths, ids, shared: false })))
    } finally {
      pool.slabs.inputs.release(slab)
    }
  }
  return stored
}

function* batches(ranges: readonly PlacedChunk[]): Generator<readonly PlacedChunk[]> {
  let batch: PlacedChunk[] = []
  let bytes = 0
  for (const range of ranges) {
    if (bytes + range.length > regionBytes && batch.length > 0) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(range)
    bytes += range.length
  }
  if (batch.length > 0) yield batch
}

/** Joins ranges that touch, so that a frame of the donor is decoded once and not for each of its chunks. */
function neighbours(ranges: readonly PlacedChunk[]): readonly { readonly offset: number; readonly length: number }[] {
  const runs: { offset: number; length: number }[] = []
  for (const { offset, length } of ranges) {
    const last = runs[runs.length - 1]
    if (last !== undefined && last.offset + last.length === offset) last.length += length
    else runs.push({ offset, length })
  }
  return runs
}
