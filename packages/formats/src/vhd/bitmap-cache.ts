import { allocate } from '../bytes/allocate.js'
import type { ByteStore } from '../bytes/byte-source.js'
import { oneAtATime } from '../bytes/one-at-a-time.js'
import { hasBit, setBits } from './sector-bitmap.js'

/** Bitmaps of a new differencing disk, the latest ones in memory, the others where they belong in the file. */
export interface BitmapCache {
  /** Hands out the bitmap of a block that has a place. One use at a time: nobody else changes it meanwhile. */
  readonly use: <T>(index: number, change: (bitmap: Uint8Array) => Promise<T> | T) => Promise<T>
  /** Writes all that is not in the file yet. */
  readonly flush: () => Promise<void>
}

/** What a cache of bitmaps works on. */
export interface BitmapCacheOptions {
  readonly store: ByteStore
  readonly blocks: number
  readonly bitmapBytes: number
  /** Where the bitmap of a block is. */
  readonly placeOf: (index: number) => number
  /** @defaultValue 4 MiB */
  readonly keepBytes?: number
}

interface Kept {
  readonly bitmap: Uint8Array
  isSaved: boolean
}

/** Keeps bitmaps in bounded memory: the least recently used one is written and goes. */
export function bitmapCache(options: BitmapCacheOptions): BitmapCache {
  const { store, blocks, bitmapBytes, placeOf, keepBytes = 4 * 2 ** 20 } = options
  const capacity = Math.max(1, Math.floor(keepBytes / bitmapBytes))
  const inTurn = oneAtATime()
  const kept = new Map<number, Kept>()
  /** A bit for each block whose bitmap was written to the file, and so can be read back. */
  const inFile = allocate(Math.ceil(blocks / 8), 'The list of bitmaps', 'the new disk')

  const save = async (index: number, entry: Kept) => {
    if (entry.isSaved) return
    await store.write(placeOf(index), entry.bitmap)
    entry.isSaved = true
    setBits(inFile, index, index + 1)
  }

  const makeRoom = async () => {
    const [oldest] = kept
    if (oldest === undefined || kept.size < capacity) return
    await save(...oldest)
    kept.delete(oldest[0])
  }

  const load = async (index: number): Promise<Kept> => {
    const found = kept.get(index)
    if (found !== undefined) {
      kept.delete(index)
      kept.set(index, found)
      return found
    }
    await makeRoom()
    const entry = { bitmap: new Uint8Array(bitmapBytes), isSaved: false }
    if (hasBit(inFile, index)) await store.read(placeOf(index), entry.bitmap)
    kept.set(index, entry)
    return entry
  }

  return {
    use: (index, change) =>
      inTurn(async () => {
        const entry = await load(index)
        entry.isSaved = false
        return change(entry.bitmap)
      }),
    flush: () =>
      inTurn(async () => {
        for (const [index, entry] of kept) await save(index, entry)
      }),
  }
}
