import { allocate } from '../bytes/allocate.js'
import type { ByteStore } from '../bytes/byte-source.js'
import { type Fields, fields } from '../bytes/fields.js'
import { oneAtATime } from '../bytes/one-at-a-time.js'
import { l1EntryBytes } from './header-layout.js'
import type { HostClusters } from './host-clusters.js'
import type { WriterGeometry } from './writer-options.js'

/** The L1 table and L2 tables of an image that is being written. */
export interface TableWriter {
  readonly l1Offset: number
  /** Whether there is an L2 table for a stretch of the disk. */
  readonly has: (index: number) => boolean
  /**
   * Runs `change` on the L2 table of a stretch of the disk, which is made where there is none.
   *
   * Guarantee: nothing else runs while `change` does, so it can look and take clusters without another in between.
   */
  readonly change: <T>(index: number, change: (table: Fields) => T) => Promise<T>
  /** Writes all tables that were changed. */
  readonly flush: () => Promise<void>
}

/** Memory for L2 tables; at least this many of them. */
const cachedBytes = 8 * 2 ** 20
const leastCached = 4

interface CachedTable {
  readonly at: number
  readonly table: Fields
  dirty: boolean
}

/** Makes the tables of a new image; takes the clusters of the L1 table. */
export function tableWriter(
  store: ByteStore,
  clusters: HostClusters,
  { clusterBytes, l1Entries }: WriterGeometry,
): TableWriter {
  const file = 'the new image'
  const l1 = fields(allocate(l1Entries * l1EntryBytes, 'the L1 table', file), 'big', file)
  const l1Offset = clusters.take(Math.ceil(l1.bytes.byteLength / clusterBytes))
  const capacity = Math.max(leastCached, cachedBytes / clusterBytes)
  const kept = new Map<number, CachedTable>()
  // Loads, evictions and flushes come one after another, so that no table is read or written twice at the same time.
  const inTurn = oneAtATime()

  const has = (index: number) => l1.u32(index * l1EntryBytes) !== 0

  const write = async (cached: CachedTable) => {
    cached.dirty = false
    try {
      await store.write(cached.at, cached.table.bytes)
    } catch (error) {
      cached.dirty = true
      throw error
    }
  }

  const makeRoom = async () => {
    while (kept.size >= capacity) {
      const oldest = kept.entries().next().value
      if (oldest === undefined) return
      const [index, cached] = oldest
      // A table may be changed while it is written: it goes only once nothing is left to write.
      if (cached.dirty) await write(cached)
      else kept.delete(index)
    }
  }

  const load = async (index: number) => {
    if (kept.has(index)) return
    await makeRoom()
    const table = fields(new Uint8Array(clusterBytes), 'big', file)
    if (!has(index)) {
      const at = clusters.take(1)
      // An L2 table that only one entry leads to (spec: L1 table entry, bit 63).
      l1.set64(index * l1EntryBytes, (1n << 63n) | BigInt(at))
      kept.set(index, { at, table, dirty: true })
      return
    }
    const at = Number(BigInt.asUintN(56, l1.bits64(index * l1EntryBytes)))
    await store.read(at, table.bytes)
    kept.set(index, { at, table, dirty: false })
  }

  return {
    l1Offset,
    has,
    change: async (index, change) => {
      for (;;) {
        const cached = kept.get(index)
        if (cached !== undefined) {
          kept.delete(index)
          kept.set(index, cached)
          cached.dirty = true
          return change(cached.table)
        }
        await inTurn(() => load(index))
      }
    },
    flush: () =>
      inTurn(async () => {
        for (const cached of [...kept.values()]) if (cached.dirty) await write(cached)
        await store.write(l1Offset, l1.bytes)
      }),
  }
}
