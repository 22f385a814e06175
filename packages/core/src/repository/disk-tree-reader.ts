import type { CallOptions } from '../contract/context.js'
import {
  childrenOf,
  type DiskChunk,
  decodeInner,
  decodeLeaf,
  isZeroId,
  leafSpan,
  leafSpanBytes,
  treeFanOut,
  treeLevels,
  zeroId,
} from './disk-tree-format.js'

/** Fetches and decodes one stored chunk; how trees and their nodes are read. */
export type ReadChunk = (id: Uint8Array, options: CallOptions) => Promise<Uint8Array>

/** A disk as stored: the root of its chunk tree and the size that gives the tree its shape. */
export interface DiskTree {
  readonly sizeBytes: number
  readonly root: Uint8Array
}

/** A chunk with its address on the disk. */
export interface PlacedChunk extends DiskChunk {
  readonly offset: number
}

/** The chunks of one leaf; one zero run when the whole leaf is zero. */
export async function readLeaf(
  tree: DiskTree,
  index: number,
  readChunk: ReadChunk,
  options: CallOptions,
): Promise<readonly DiskChunk[]> {
  const id = await leafId(tree, index, readChunk, options)
  const span = leafSpan(tree.sizeBytes, index)
  return isZeroId(id) ? [{ id: zeroId, length: span }] : decodeLeaf(await readChunk(id, options), span)
}

/** The id of a leaf, found from the root down. */
async function leafId(tree: DiskTree, index: number, readChunk: ReadChunk, options: CallOptions): Promise<Uint8Array> {
  let id = tree.root
  for (let level = treeLevels(tree.sizeBytes); level > 0 && !isZeroId(id); level--) {
    const node = Math.floor(index / treeFanOut ** level)
    const children = decodeInner(await readChunk(id, options), level, childrenOf(tree.sizeBytes, level, node))
    id = children[Math.floor(index / treeFanOut ** (level - 1)) % treeFanOut] ?? zeroId
  }
  return id
}

/** Visits every node of a tree once, parents first; `skip` prunes whole subtrees (nodes seen before). */
export async function walkNodes(
  tree: DiskTree,
  readChunk: ReadChunk,
  visit: (node: TreeNode) => boolean | Promise<boolean>,
  options: CallOptions,
): Promise<void> {
  const descend = async (id: Uint8Array, level: number, index: number): Promise<void> => {
    if (isZeroId(id)) return
    if (level === 0) {
      const chunks = async () => decodeLeaf(await readChunk(id, options), leafSpan(tree.sizeBytes, index))
      await visit({ id, level, index, chunks })
      return
    }
    const wanted = await visit({ id, level, index, chunks: async () => [] })
    if (!wanted) return
    const children = decodeInner(await readChunk(id, options), level, childrenOf(tree.sizeBytes, level, index))
    for (const [i, child] of children.entries()) await descend(child, level - 1, index * treeFanOut + i)
  }
  if (tree.sizeBytes > 0) await descend(tree.root, treeLevels(tree.sizeBytes), 0)
}

/** A node as {@link walkNodes} shows it. */
export interface TreeNode {
  readonly id: Uint8Array
  readonly level: number
  readonly index: number
  /** The chunks of a leaf, read on demand; empty for inner nodes. */
  readonly chunks: () => Promise<readonly DiskChunk[]>
}

/** Yields every chunk that is not zero, in order of address. */
export async function* diskChunks(
  tree: DiskTree,
  readChunk: ReadChunk,
  options: CallOptions,
): AsyncGenerator<PlacedChunk> {
  async function* leavesOf(
    id: Uint8Array,
    level: number,
    index: number,
  ): AsyncGenerator<{ readonly id: Uint8Array; readonly index: number }> {
    if (isZeroId(id)) return
    if (level === 0) {
      yield { id, index }
      return
    }
    const children = decodeInner(await readChunk(id, options), level, childrenOf(tree.sizeBytes, level, index))
    for (const [i, child] of children.entries()) yield* leavesOf(child, level - 1, index * treeFanOut + i)
  }
  if (tree.sizeBytes === 0) return
  for await (const leaf of leavesOf(tree.root, treeLevels(tree.sizeBytes), 0)) {
    let offset = leaf.index * leafSpanBytes
    for (const chunk of decodeLeaf(await readChunk(leaf.id, options), leafSpan(tree.sizeBytes, leaf.index))) {
      if (!isZeroId(chunk.id)) yield { ...chunk, offset }
      offset += chunk.length
    }
  }
}
