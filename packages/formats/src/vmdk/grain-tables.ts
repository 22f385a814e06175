import type { NamedSource } from '../bytes/byte-source.js'
import { assertWithin, readPart } from '../bytes/read-part.js'
import { corrupt } from '../image/image-error.js'
import { isZero } from '../image/is-zero.js'
import { absentPlace, type GrainCounts, type GrainMap, grainCounts } from './grain-map.js'
import { type SharedCache, sharedCache } from './shared-cache.js'

/** Grain tables that lie one behind the other in the file and are read at once. */
export interface TableSpan {
  /** Number of the first table, and how many there are. */
  readonly first: number
  readonly count: number
  /** Byte of the file where they begin. */
  readonly at: number
  /** Their entries; the last table of the extent ends with the disk. */
  readonly entries: DataView
  /** Whether no entry is set. */
  readonly empty: boolean
}

/** The tables of one extent, read as they are asked for. */
export interface GrainTables {
  readonly map: GrainMap
  readonly counts: GrainCounts
  /** Byte of the file where a table is, or `absentPlace`. @throws ImageError `corrupt` */
  readonly place: (table: number) => Promise<number>
  /** Counts the tables from `table` on that do not exist, as far as they are known; 0 when that one does. */
  readonly absentFrom: (table: number) => Promise<number>
  /** Reads a table that exists, with its neighbours. @throws ImageError `corrupt` */
  readonly load: (table: number) => Promise<TableSpan>
}

/** Memory that all extents of a disk share for their tables. */
export interface GrainCaches {
  readonly directories: SharedCache<Float64Array>
  readonly spans: SharedCache<TableSpan>
}

/** Entries of a directory that are read at once; 64 KiB of the narrower ones. */
const pageEntries = 16_384
/** Bytes of tables that are read at once where they lie side by side, as hosted products lay them out. */
const spanBytes = 65_536

/** Makes the caches of one disk: 2 MiB of directories, 4 MiB of tables. */
export function grainCaches(): GrainCaches {
  return { directories: sharedCache(16), spans: sharedCache(64) }
}

/** @throws ImageError `corrupt` when the directory is not within the file */
export function grainTables(map: GrainMap, caches: GrainCaches): GrainTables {
  const counts = grainCounts(map)
  const { file, directoryAt, entryBytes } = map
  assertWithin(directoryAt, counts.tables * entryBytes, file, 'the grain directory')
  const tablesAtOnce = Math.max(1, Math.floor(spanBytes / counts.tableBytes))
  const pages = caches.directories.add((page) => readDirectoryPage(map, counts, page * pageEntries))
  const pageOf = (table: number) => pages.get(Math.floor(table / pageEntries))

  const placeIn = (page: Float64Array, table: number) => page[table % pageEntries] ?? absentPlace
  /** Whether a table lies behind the one before it; both must be in one page. */
  const follows = (page: Float64Array, table: number) =>
    placeIn(page, table) !== absentPlace && placeIn(page, table) === placeIn(page, table - 1) + counts.tableBytes

  const spans = caches.spans.add(async (first) => {
    const page = await pageOf(first)
    const limit = Math.min(counts.tables, nextMultiple(first, tablesAtOnce), nextMultiple(first, pageEntries))
    let end = first + 1
    while (end < limit && follows(page, end)) end += 1
    const length = tableLength(map, counts, end - 1) + (end - 1 - first) * counts.tableBytes
    const at = placeIn(page, first)
    const bytes = await readPart(file, at, length, `grain tables ${first} to ${end - 1}`)
    return { first, count: end - first, at, entries: new DataView(bytes.buffer), empty: isZero(bytes) }
  })

  return {
    map,
    counts,
    place: async (table) => placeIn(await pageOf(table), table),
    absentFrom: async (table) => {
      const page = await pageOf(table)
      const limit = Math.min(counts.tables, nextMultiple(table, pageEntries))
      let end = table
      while (end < limit && placeIn(page, end) === absentPlace) end += 1
      return end - table
    },
    load: async (table) => {
      const page = await pageOf(table)
      // All who ask for tables of a span ask for its first one, so that it is read once.
      const limit = Math.max(table - (table % tablesAtOnce), table - (table % pageEntries))
      let first = table
      while (first > limit && follows(page, first)) first -= 1
      return spans.get(first)
    },
  }
}

function nextMultiple(value: number, step: number): number {
  return value - (value % step) + step
}

/** Bytes of a table that have entries for grains of the disk. */
function tableLength({ entriesPerTable, entryBytes }: GrainMap, { grains }: GrainCounts, table: number): number {
  return Math.min(entriesPerTable, grains - table * entriesPerTable) * entryBytes
}

/** Reads places of tables and checks that each lies within the file. */
async function readDirectoryPage(map: GrainMap, counts: GrainCounts, first: number): Promise<Float64Array> {
  const { file, directoryAt, entryBytes, dataFrom, tableAt } = map
  const count = Math.min(pageEntries, counts.tables - first)
  const at = directoryAt + first * entryBytes
  const bytes = await readPart(file, at, count * entryBytes, 'the grain directory')
  const entries = new DataView(bytes.buffer)
  const places = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const place = tableAt(entries, i * entryBytes)
    if (place >= 0) assertTable(file, place, tableLength(map, counts, first + i), dataFrom, first + i)
    places[i] = place
  }
  return places
}

function assertTable(
  { name, source }: NamedSource,
  place: number,
  length: number,
  dataFrom: number,
  table: number,
): void {
  if (place >= dataFrom && length <= source.sizeBytes - place) return
  throw corrupt(
    `grain table ${table} at ${place} is not within the ${source.sizeBytes} bytes behind its header`,
    name,
    place,
  )
}

/** Checks every entry of the directory. @throws ImageError `corrupt` */
export async function assertDirectory({ counts, place }: GrainTables): Promise<void> {
  for (let table = 0; table < counts.tables; table += pageEntries) await place(table)
}
