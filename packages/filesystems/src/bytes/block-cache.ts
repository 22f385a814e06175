import type { CallOptions } from '../filesystem.js'

/** Keeps the blocks of a source that were used last. */
export interface BlockCache {
  /** Fills `into` from `offset`, which lies within the source with all of `into`. */
  readonly read: (offset: number, into: Uint8Array, options: CallOptions) => Promise<void>
}

const blockBytes = 65_536
const capacityBlocks = 256
/** Blocks that are asked for in one call of the source. */
const joinedBlocks = 16

type Read = (offset: number, into: Uint8Array, options: CallOptions) => Promise<void>

/** Caches aligned blocks of a source of `sizeBytes`, 16 MiB at most; the least recently used one goes. */
export function blockCache(sizeBytes: number, read: Read): BlockCache {
  const kept = new Map<number, Uint8Array>()
  const use = (index: number) => {
    const block = kept.get(index)
    if (block === undefined) return undefined
    kept.delete(index)
    kept.set(index, block)
    return block
  }
  const keep = (index: number, block: Uint8Array) => {
    kept.delete(index)
    kept.set(index, block)
    const oldest = kept.keys().next()
    if (kept.size > capacityBlocks && oldest.done !== true) kept.delete(oldest.value)
  }
  /** Loads from block `first` on, at most up to block `last`, until one that is there already. */
  const load = async (first: number, last: number, options: CallOptions): Promise<Uint8Array> => {
    let next = first + 1
    while (next <= last && next - first < joinedBlocks && !kept.has(next)) next += 1
    const start = first * blockBytes
    const bytes = new Uint8Array(Math.min(next * blockBytes, sizeBytes) - start)
    await read(start, bytes, options)
    // Each block has memory of its own, so that one that is kept does not hold its neighbours'.
    for (let index = first; index < next; index++)
      keep(index, bytes.slice((index - first) * blockBytes, (index - first + 1) * blockBytes))
    return bytes
  }
  return {
    read: async (offset, into, options) => {
      const end = offset + into.byteLength
      let at = offset
      while (at < end) {
        const index = Math.floor(at / blockBytes)
        const found = use(index) ?? (await load(index, Math.floor((end - 1) / blockBytes), options))
        const part = found.subarray(at - index * blockBytes, end - index * blockBytes)
        into.set(part, at - offset)
        at += part.byteLength
      }
    },
  }
}
