/** Loads tables of an image and keeps the latest ones. */
export interface TableCache<T> {
  /** Loads the table with this number, once for all who ask at the same time. */
  readonly get: (index: number) => Promise<T> | T
}

/** Keeps at most `capacity` tables: the least recently used one goes. A load that fails is not kept. */
export function tableCache<T>(capacity: number, load: (index: number) => Promise<T>): TableCache<T> {
  const kept = new Map<number, { readonly table: Promise<T> | T }>()
  return {
    get: (index) => {
      const found = kept.get(index)
      if (found !== undefined) {
        kept.delete(index)
        kept.set(index, found)
        return found.table
      }
      const loading = load(index)
      const entry = { table: loading }
      kept.set(index, entry)
      const oldest = kept.keys().next()
      if (kept.size > capacity && oldest.done !== true) kept.delete(oldest.value)
      return loading.then(
        (table) => {
          if (kept.get(index) === entry) kept.set(index, { table })
          return table
        },
        (error: unknown) => {
          if (kept.get(index) === entry) kept.delete(index)
          throw error
        },
      )
    },
  }
}
