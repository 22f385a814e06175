import { type TableCache, tableCache } from '../bytes/table-cache.js'

/** One cache for the tables of all extents of a disk, so that a disk of thousands of extents takes no more memory. */
export interface SharedCache<T> {
  /** Adds an extent; its tables are asked for by their numbers, which are below 2^32. */
  readonly add: (load: (index: number) => Promise<T>) => TableCache<T>
}

const tablesOfExtent = 2 ** 32

/** Makes a cache of at most `capacity` tables. */
export function sharedCache<T>(capacity: number): SharedCache<T> {
  const loads: ((index: number) => Promise<T>)[] = []
  const cache = tableCache<T>(capacity, async (key) => {
    const load = loads[Math.floor(key / tablesOfExtent)]
    if (load === undefined) throw new RangeError(`no extent has the table ${key}`)
    return load(key % tablesOfExtent)
  })
  return {
    add: (load) => {
      const base = (loads.push(load) - 1) * tablesOfExtent
      return { get: (index) => cache.get(base + index) }
    },
  }
}
