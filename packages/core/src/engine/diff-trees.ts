import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import type { Extent } from '../model/extent.js'
import { sameBytes } from '../repository/bytes.js'
import {
  childrenOf,
  type DiskChunk,
  decodeInner,
  isZeroId,
  leafSpanBytes,
  treeFanOut,
  treeLevels,
  zeroId,
} from '../repository/disk-tree-format.js'
import { type DiskTree, type ReadChunk, readLeaf } from '../repository/disk-tree-reader.js'

/**
 * Yields what differs between two disks of one size: `data` where the second has bytes, `zero` where it has none.
 *
 * Equal subtrees are skipped unread, so the cost follows the difference, not the disk.
 */
export async function* changedExtents(
  before: DiskTree,
  after: DiskTree,
  readNode: ReadChunk,
  options: CallOptions,
): AsyncGenerator<Extent> {
  async function* descend(a: Uint8Array, b: Uint8Array, level: number, index: number): AsyncGenerator<number> {
    if (sameBytes(a, b)) return
    if (level === 0) {
      yield index
      return
    }
    const count = childrenOf(after.sizeBytes, level, index)
    const children = async (id: Uint8Array) =>
      isZeroId(id)
        ? Array.from({ length: count }, () => zeroId)
        : decodeInner(await readNode(id, options), level, count)
    const [left, right] = await Promise.all([children(a), children(b)])
    for (let i = 0; i < count; i++)
      yield* descend(left[i] ?? zeroId, right[i] ?? zeroId, level - 1, index * treeFanOut + i)
  }
  if (after.sizeBytes === 0) return
  for await (const leaf of descend(before.root, after.root, treeLevels(after.sizeBytes), 0)) {
    const [left, right] = await Promise.all([
      readLeaf(before, leaf, readNode, options),
      readLeaf(after, leaf, readNode, options),
    ])
    yield* leafDifference(left, right, leaf * leafSpanBytes)
  }
}

/** Compares two leaves chunk by chunk; a chunk of the same place, length and id is unchanged. */
function* leafDifference(before: readonly DiskChunk[], after: readonly DiskChunk[], start: number): Generator<Extent> {
  const known = new Map<string, true>()
  let at = start
  const zeros: { readonly from: number; readonly to: number }[] = []
  for (const chunk of before) {
    if (isZeroId(chunk.id)) zeros.push({ from: at, to: at + chunk.length })
    else known.set(`${at} ${chunk.length} ${Buffer.from(chunk.id).toString('hex')}`, true)
    at += chunk.length
  }
  at = start
  for (const chunk of after) {
    const end = at + chunk.length
    if (isZeroId(chunk.id)) {
      let from = at
      for (const run of zeros) {
        if (run.to <= from || run.from >= end) continue
        if (run.from > from) yield { offset: from, length: run.from - from, kind: 'zero' }
        from = Math.max(from, Math.min(end, run.to))
      }
      if (from < end) yield { offset: from, length: end - from, kind: 'zero' }
    } else if (!known.has(`${at} ${chunk.length} ${Buffer.from(chunk.id).toString('hex')}`)) {
      yield { offset: at, length: chunk.length, kind: 'data' }
    }
    at = end
  }
}
