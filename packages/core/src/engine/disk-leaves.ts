import type { CallOptions } from '../contract/context.js'
import { toHex } from '../repository/bytes.js'
import { isZeroId, leafSpanBytes } from '../repository/disk-tree-format.js'
import { type DiskTree, type ReadChunk, readLeaf } from '../repository/disk-tree-reader.js'
import type { NamedChunk } from './chunk-supply.js'
import type { LivingIndex } from './living-index.js'
import { sharedCalls } from './shared-calls.js'

/** A chunk at its place on the disk; one without a name reads as zeros. */
export type LaidChunk = (NamedChunk & { readonly offset: number }) | LaidZeros

/** A range of zeros at its place on the disk. */
export interface LaidZeros {
  readonly offset: number
  readonly length: number
  readonly name: undefined
}

/** The chunks of a disk by place, with the lately used leaves of its tree at hand. */
export interface DiskLeaves {
  /** The chunks of the leaf that holds an offset, as far as they reach into a range; in order, without gaps. */
  readonly chunksAt: (offset: number, end: number, options: CallOptions) => Promise<readonly LaidChunk[]>
  readonly close: (reason: unknown) => Promise<void>
}

/** Chunks that are remembered, of all leaves together: 13 GiB of a disk at the usual length. */
const mostRemembered = 131_072

/** Opens the tree of a disk. */
export function diskLeaves(tree: DiskTree, readNode: ReadChunk, index: LivingIndex): DiskLeaves {
  // In the order of their last use.
  const leaves = new Map<number, readonly LaidChunk[]>()
  const reads = sharedCalls<readonly LaidChunk[]>()
  let remembered = 0

  const remember = (number: number, chunks: readonly LaidChunk[]) => {
    if (leaves.has(number)) return
    leaves.set(number, chunks)
    remembered += chunks.length
    for (const [oldest, old] of leaves) {
      if (remembered <= mostRemembered || oldest === number) break
      leaves.delete(oldest)
      remembered -= old.length
    }
  }

  const load = async (number: number, options: CallOptions): Promise<readonly LaidChunk[]> => {
    const chunks = await index.retrying(() => readLeaf(tree, number, readNode, options), options)
    const laid: LaidChunk[] = []
    let offset = number * leafSpanBytes
    for (const { id, length } of chunks) {
      if (length > 0)
        laid.push(isZeroId(id) ? { offset, length, name: undefined } : { offset, length, name: toHex(id) })
      offset += length
    }
    remember(number, laid)
    return laid
  }

  return {
    chunksAt: async (offset, end, options) => {
      const number = Math.floor(offset / leafSpanBytes)
      const known = leaves.get(number)
      if (known !== undefined) {
        leaves.delete(number)
        leaves.set(number, known)
      }
      const chunks = known ?? (await reads.join(String(number), (inner) => load(number, inner), options))
      const from = holding(chunks, offset)
      let to = from
      while ((chunks[to]?.offset ?? end) < end) to++
      return chunks.slice(from, to)
    },
    close: async (reason) => {
      await reads.close(reason)
      leaves.clear()
    },
  }
}

/** Number of the chunk that holds an offset. */
function holding(chunks: readonly LaidChunk[], offset: number): number {
  let low = 0
  let high = chunks.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if ((chunks[middle]?.offset ?? 0) <= offset) low = middle
    else high = middle
  }
  return low
}
