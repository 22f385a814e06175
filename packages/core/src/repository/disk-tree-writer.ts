import type { CallOptions } from '../contract/context.js'
import {
  childrenOf,
  type DiskChunk,
  decodeInner,
  encodeInner,
  encodeLeaf,
  isZeroId,
  treeFanOut,
  treeLevels,
  zeroId,
} from './disk-tree-format.js'
import type { DiskTree, ReadChunk } from './disk-tree-reader.js'

/** Builds the tree of a disk from its changed leaves; everything else is taken from the tree before. */
export interface DiskTreeWriter {
  /** Sets the chunks of a leaf. Leaves come in ascending order, each at most once. */
  readonly setLeaf: (index: number, chunks: readonly DiskChunk[], options: CallOptions) => Promise<void>
  /** Writes what remains and returns the root. */
  readonly finish: (options: CallOptions) => Promise<Uint8Array>
}

/** Stores a node and returns its id; storing the same node again costs nothing. */
export type WriteNode = (bytes: Uint8Array, options: CallOptions) => Promise<Uint8Array>

/**
 * Starts a tree. With `base` (of the same size) leaves that are not set stay as they were, else they are zero.
 *
 * Holds one open node a level, whatever the disk's size, and touches only the ancestors of set leaves.
 */
export function diskTreeWriter(
  sizeBytes: number,
  base: DiskTree | undefined,
  readChunk: ReadChunk,
  writeNode: WriteNode,
): DiskTreeWriter {
  const top = treeLevels(sizeBytes)
  /** Open node of each level from 1 up: its index and children. */
  const open = new Map<number, { readonly index: number; readonly children: Uint8Array[] }>()
  let root: Uint8Array = base?.root ?? zeroId

  const baseNode = async (level: number, index: number, options: CallOptions): Promise<Uint8Array> => {
    let id: Uint8Array = base?.root ?? zeroId
    for (let at = top; at > level && !isZeroId(id); at--) {
      const node = Math.floor(index / treeFanOut ** (at - level))
      const children = decodeInner(await readChunk(id, options), at, childrenOf(sizeBytes, at, node))
      id = children[Math.floor(index / treeFanOut ** (at - level - 1)) % treeFanOut] ?? zeroId
    }
    return id
  }

  const baseChildren = async (level: number, index: number, options: CallOptions): Promise<Uint8Array[]> => {
    const count = childrenOf(sizeBytes, level, index)
    const id = await baseNode(level, index, options)
    if (isZeroId(id)) return Array.from({ length: count }, () => zeroId)
    return decodeInner(await readChunk(id, options), level, count)
  }

  const close = async (level: number, options: CallOptions): Promise<void> => {
    const node = open.get(level)
    if (node === undefined) return
    open.delete(level)
    const id = node.children.every(isZeroId) ? zeroId : await writeNode(encodeInner(level, node.children), options)
    await setChild(level + 1, node.index, id, options)
  }

  const setChild = async (level: number, childIndex: number, id: Uint8Array, options: CallOptions): Promise<void> => {
    if (level > top) {
      root = id
      return
    }
    const index = Math.floor(childIndex / treeFanOut)
    if (open.get(level)?.index !== index) {
      await close(level, options)
      open.set(level, { index, children: await baseChildren(level, index, options) })
    }
    const node = open.get(level)
    if (node !== undefined) node.children[childIndex % treeFanOut] = id
  }

  return {
    setLeaf: async (index, chunks, options) => {
      const id = chunks.every((chunk) => isZeroId(chunk.id)) ? zeroId : await writeNode(encodeLeaf(chunks), options)
      await setChild(1, index, id, options)
    },
    finish: async (options) => {
      for (let level = 1; level <= top; level++) await close(level, options)
      return root
    },
  }
}
