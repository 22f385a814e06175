import type { ByteStore } from '../bytes/byte-source.js'

/** Neighbouring grain tables in memory. */
export interface TableBlock {
  readonly entries: DataView
  /** Set by whoever changes an entry. */
  isChanged: boolean
}

/** Where the copies of a block are kept. */
export interface BlockPlace {
  readonly store: ByteStore
  /** Bytes of the file where each copy begins. */
  readonly copies: readonly number[]
  readonly length: number
}

/** Grain tables of a disk that is being written: few in memory, the others in their file. */
export interface TableStore {
  /** Called: one at a time. The block is to be used before the next call. */
  readonly load: (block: number) => Promise<TableBlock>
  /** Whether an entry of the block was ever set. */
  readonly exists: (block: number) => boolean
  /** Writes what was changed. */
  readonly save: () => Promise<void>
}

/** Makes a store that keeps at most `capacity` blocks in memory and writes changed ones when they go. */
export function tableStore(capacity: number, place: (block: number) => BlockPlace): TableStore {
  const kept = new Map<number, TableBlock>()
  const written = new Set<number>()

  const save = async (index: number, block: TableBlock) => {
    if (!block.isChanged) return
    const { store, copies, length } = place(index)
    const bytes = new Uint8Array(block.entries.buffer, 0, length)
    for (const copy of copies) await store.write(copy, bytes)
    written.add(index)
    block.isChanged = false
  }
  const read = async (index: number): Promise<TableBlock> => {
    const { store, copies, length } = place(index)
    const bytes = new Uint8Array(length)
    if (written.has(index)) await store.read(copies[0] ?? 0, bytes)
    return { entries: new DataView(bytes.buffer), isChanged: false }
  }
  return {
    load: async (index) => {
      const block = kept.get(index) ?? (await read(index))
      kept.delete(index)
      kept.set(index, block)
      for (const [oldest, leaving] of kept) {
        if (kept.size <= capacity) break
        await save(oldest, leaving)
        kept.delete(oldest)
      }
      return block
    },
    exists: (index) => kept.has(index) || written.has(index),
    save: async () => {
      for (const [index, block] of kept) await save(index, block)
    },
  }
}
