import type { CallOptions } from '../contract/context.js'
import type { CapturedDisk } from '../contract/source.js'
import type { Extent } from '../model/extent.js'
import type { ChangeToken } from '../model/ids.js'
import { fromHex, toHex } from '../repository/bytes.js'
import type { ChunkIndex } from '../repository/chunk-index.js'
import { damaged } from '../repository/damage.js'
import { isZeroId, leafSpanBytes } from '../repository/disk-tree-format.js'
import { type DiskTree, diskChunks, type ReadChunk, readLeaf } from '../repository/disk-tree-reader.js'
import type { StoredDisk } from '../repository/recovery-point.js'
import { changedExtents } from './diff-trees.js'
import type { FrameFetcher } from './fetch-frame.js'
import { planFrames } from './frame-plan.js'

/** What reading a stored disk needs. */
export interface StoredDiskReader {
  readonly index: ChunkIndex
  readonly readNode: ReadChunk
  readonly fetcher: FrameFetcher
}

/**
 * Shows a disk of a recovery point as if it were captured, so that a copy runs through the same engine as a backup.
 *
 * With `before`, the disk as of an earlier point whose id serves as change token, only differences are read.
 */
export function repositoryDisk(
  disk: StoredDisk,
  before: { readonly token: ChangeToken; readonly disk: StoredDisk } | undefined,
  reader: StoredDiskReader,
): CapturedDisk {
  const tree = treeOf(disk)
  const since = before !== undefined && before.disk.sizeBytes === disk.sizeBytes ? before : undefined
  return {
    id: disk.id,
    sizeBytes: disk.sizeBytes,
    tracking:
      since === undefined
        ? { mode: 'full', reason: 'copied whole' }
        : { mode: 'incremental', reason: `copied since ${since.token}` },
    extents: (token, options) =>
      since !== undefined && token === since.token
        ? changedExtents(treeOf(since.disk), tree, reader.readNode, options)
        : dataExtents(tree, reader, options),
    readInto: (offset, into, options) => readStored(tree, offset, into, reader, options),
  }
}

function treeOf(disk: StoredDisk): DiskTree {
  return { sizeBytes: disk.sizeBytes, root: fromHex(disk.root) }
}

async function* dataExtents(tree: DiskTree, reader: StoredDiskReader, options: CallOptions): AsyncGenerator<Extent> {
  let open: { offset: number; length: number } | undefined
  for await (const chunk of diskChunks(tree, reader.readNode, options)) {
    if (open !== undefined && open.offset + open.length === chunk.offset) open.length += chunk.length
    else {
      if (open !== undefined) yield { ...open, kind: 'data' }
      open = { offset: chunk.offset, length: chunk.length }
    }
  }
  if (open !== undefined) yield { ...open, kind: 'data' }
}

async function readStored(
  tree: DiskTree,
  offset: number,
  into: Uint8Array,
  reader: StoredDiskReader,
  options: CallOptions,
): Promise<void> {
  const end = offset + into.byteLength
  const wanted = []
  for (let leaf = Math.floor(offset / leafSpanBytes); leaf * leafSpanBytes < end; leaf++) {
    let at = leaf * leafSpanBytes
    for (const chunk of await readLeaf(tree, leaf, reader.readNode, options)) {
      if (at < end && at + chunk.length > offset && !isZeroId(chunk.id)) wanted.push({ ...chunk, offset: at })
      at += chunk.length
    }
  }
  // What chunks cover is written once: to clear it first takes as long as to fill it.
  let coveredTo = offset
  for (const chunk of wanted) {
    into.fill(0, coveredTo - offset, Math.max(coveredTo, chunk.offset) - offset)
    coveredTo = Math.min(chunk.offset + chunk.length, end)
  }
  into.fill(0, coveredTo - offset)
  const frames = planFrames(wanted, reader.index, (chunk) => damaged(`chunk ${toHex(chunk.id)}`, 'no index lists it'))
  for (const frame of frames) {
    await reader.fetcher.withFrame(
      frame,
      false,
      async ({ chunks, plain }) => {
        const actual = new Map(chunks.map((chunk) => [chunk.offset, chunk]))
        for (const [plainOffset, { id, length, diskOffsets }] of frame.chunks) {
          const chunk = actual.get(plainOffset)
          if (chunk === undefined || chunk.length !== length || toHex(chunk.id) !== id)
            throw damaged(`pack ${frame.pack.id}`, `the frame that should hold chunk ${id} holds another`)
          for (const at of diskOffsets) {
            const from = Math.max(at, offset)
            const to = Math.min(at + length, end)
            into.set(plain.subarray(plainOffset + from - at, plainOffset + to - at), from - offset)
          }
        }
      },
      options,
    )
  }
}
