import type { ByteStore } from '../bytes/byte-source.js'

/** Pages of a table that is being written: those in use are in memory, the others in the file. Called by one task at a time. */
export interface TablePages {
  /** Gives a page to look at, zeros when it was never written; it is good until the next call. */
  readonly read: (index: number) => Promise<Uint8Array>
  /** Gives a page to change, until the next call. */
  readonly change: (index: number) => Promise<Uint8Array>
  /** Writes every page that was changed. */
  readonly flush: () => Promise<void>
}

/** How large pages are and where they lie. */
export interface TablePagesOptions {
  readonly pageBytes: number
  /** Byte of the file at which a page lies. */
  readonly place: (index: number) => number
  /** Pages in memory at once. */
  readonly capacity: number
}

/** Keeps the latest pages; the least recently used one makes room, and is written when it was changed. */
export function tablePages(store: ByteStore, { pageBytes, place, capacity }: TablePagesOptions): TablePages {
  const kept = new Map<number, Uint8Array>()
  const changed = new Set<number>()
  const written = numberSet()
  const write = async (index: number, page: Uint8Array) => {
    if (!changed.delete(index)) return
    await store.write(place(index), page)
    written.add(index)
  }
  const load = async (index: number) => {
    const page = new Uint8Array(pageBytes)
    if (written.has(index)) await store.read(place(index), page)
    return page
  }
  const read = async (index: number) => {
    const page = kept.get(index) ?? (await load(index))
    kept.delete(index)
    kept.set(index, page)
    const oldest = kept.entries().next()
    if (kept.size > capacity && oldest.done !== true) {
      const [number, bytes] = oldest.value
      await write(number, bytes)
      kept.delete(number)
    }
    return page
  }
  return {
    read,
    change: async (index) => {
      const page = await read(index)
      changed.add(index)
      return page
    },
    flush: async () => {
      for (const [index, page] of kept) await write(index, page)
    },
  }
}

/** A set of small numbers that takes a bit for each up to the largest. */
function numberSet(): { readonly add: (value: number) => void; readonly has: (value: number) => boolean } {
  let bits = new Uint8Array(64)
  return {
    add: (value) => {
      const byte = value >>> 3
      if (byte >= bits.byteLength) {
        const larger = new Uint8Array(2 ** Math.ceil(Math.log2(byte + 1)))
        larger.set(bits)
        bits = larger
      }
      bits[byte] = (bits[byte] ?? 0) | (1 << (value & 7))
    },
    has: (value) => (((bits[value >>> 3] ?? 0) >>> (value & 7)) & 1) === 1,
  }
}
