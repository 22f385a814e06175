import { Buffer } from 'node:buffer'
import type { ByteRange } from '../bytes/byte-source.js'
import { readPart } from '../bytes/read-part.js'
import { tableBudget } from '../bytes/table-budget.js'
import { isImageError } from '../image/image-error.js'
import type { ImageProblem } from '../image/layer.js'
import { placeOfGrain } from './grain-map.js'
import type { GrainTables, TableSpan } from './grain-tables.js'
import { grainMarkerBytes, parseGrainMarker } from './packed-grain.js'
import { sectorsOf } from './sectors.js'
import { type UsedSectors, usedSectors, windowSectors } from './used-sectors.js'

/** What is known of an extent beside its tables. */
export interface CheckGrainsOptions {
  /** The second copy of directory and tables, which must say the same. */
  readonly redundant?: GrainTables
  readonly header: ByteRange
  /** Bytes at the start that are for metadata, used or not. */
  readonly overheadBytes: number
  /** Bytes of the file that ought to be in use; absent where free ones are no loss. */
  readonly usedBytes?: number
}

/**
 * Checks that every grain and table has its place for itself, and that copies of tables are alike.
 *
 * Memory is bounded: files of more than 64 GiB are gone through in stretches, the tables being read for each.
 */
export async function* checkGrains(
  tables: GrainTables,
  options: CheckGrainsOptions,
): AsyncGenerator<ImageProblem, void, undefined> {
  const { name, source } = tables.map.file
  const sectors = sectorsOf(source.sizeBytes)
  let free = 0
  if (options.redundant !== undefined) yield* compareTables(tables, options.redundant)
  for (let first = 0; first < sectors; first += windowSectors) {
    const used = usedSectors(first, sectors, name)
    yield* checkMetadata(tables, options, used)
    for await (const span of allSpans(tables)) yield* checkSpan(tables, span, used, first === 0)
    used.mark(0, options.overheadBytes)
    if (options.usedBytes !== undefined) used.mark(options.usedBytes, Number.MAX_SAFE_INTEGER - options.usedBytes)
    free += used.freeBytes()
  }
  if (options.usedBytes !== undefined && free > 0)
    yield { severity: 'leak', message: `${free} bytes of the file belong to no grain and no table` }
}

async function* allSpans({ map, counts, absentFrom, load }: GrainTables): AsyncGenerator<TableSpan, void, undefined> {
  const visit = tableBudget(map.file, counts.tableBytes, 'grain tables')
  for (let table = 0; table < counts.tables; ) {
    const missing = await absentFrom(table)
    if (missing > 0) {
      table += missing
      continue
    }
    const span = await load(table)
    for (let i = 0; i < span.count; i++) visit()
    yield span
    table = span.first + span.count
  }
}

async function* checkMetadata(
  tables: GrainTables,
  { redundant, header }: CheckGrainsOptions,
  used: UsedSectors,
): AsyncGenerator<ImageProblem, void, undefined> {
  used.mark(header.offset, header.length)
  for (const copy of redundant === undefined ? [tables] : [tables, redundant]) {
    const { map, counts } = copy
    if (!used.mark(map.directoryAt, counts.tables * map.entryBytes))
      yield overlap('the grain directory', map.directoryAt)
    for await (const { first, count, at } of allSpans(copy)) {
      for (let i = 0; i < count; i++) {
        const place = at + i * counts.tableBytes
        if (!used.mark(place, counts.tableBytes)) yield overlap(`grain table ${first + i}`, place)
      }
    }
  }
}

function overlap(what: string, offset: number): ImageProblem {
  return { severity: 'corrupt', message: `${what} lies where something else is already`, offset }
}

async function* checkSpan(
  tables: GrainTables,
  span: TableSpan,
  used: UsedSectors,
  tellsErrors: boolean,
): AsyncGenerator<ImageProblem, void, undefined> {
  if (span.empty) return
  const { map } = tables
  const firstGrain = span.first * map.entriesPerTable
  const grains = span.entries.byteLength / map.entryBytes
  for (let i = 0; i < grains; i++) {
    const grain = firstGrain + i
    try {
      const place = placeOfGrain(map, span.entries, i * map.entryBytes, grain)
      if (place < 0) continue
      // A second grain at one place is told of, not read again: a table may repeat an entry without end.
      const isTaken = used.has(place)
      const length = isTaken || !map.packed ? map.grainBytes : await packedBytes(tables, grain, place, used)
      if (isTaken || !used.mark(place, length)) yield overlap(`grain ${grain}`, place)
    } catch (error) {
      if (!isImageError(error)) throw error
      // Every stretch of the file comes across it.
      if (tellsErrors) {
        const { message, offset } = error
        yield { severity: 'corrupt', message, ...(offset !== undefined && { offset }) }
      }
    }
  }
}

/** Bytes that a compressed grain takes up in the file. */
async function packedBytes({ map }: GrainTables, grain: number, place: number, used: UsedSectors): Promise<number> {
  // The marker of a grain in another stretch is read there.
  if (!used.covers(place)) return 0
  const marker = await readPart(map.file, place, grainMarkerBytes, `the marker of grain ${grain}`)
  return grainMarkerBytes + parseGrainMarker(marker, map, grain, place).length
}

/** Compares the copies of each table: a stretch of tables at a time, and one by one where something differs. */
async function* compareTables(
  tables: GrainTables,
  redundant: GrainTables,
): AsyncGenerator<ImageProblem, void, undefined> {
  const { counts, map } = tables
  const visit = tableBudget(map.file, counts.tableBytes, 'grain tables')
  for (let table = 0; table < counts.tables; ) {
    const [missing, missingCopies] = [await tables.absentFrom(table), await redundant.absentFrom(table)]
    if (missing > 0 && missingCopies > 0) {
      table += Math.min(missing, missingCopies)
      continue
    }
    visit()
    if (missing > 0 || missingCopies > 0) {
      yield differing(tables, table)
      table += 1
      continue
    }
    const [span, copy] = [await tables.load(table), await redundant.load(table)]
    const end = Math.min(span.first + span.count, copy.first + copy.count)
    if (!isSame(tables, span, copy, table, end)) {
      for (let one = table; one < end; one++)
        if (!isSame(tables, span, copy, one, one + 1)) yield differing(tables, one)
    }
    table = end
  }
}

function differing({ map, counts }: GrainTables, table: number): ImageProblem {
  const at = table * counts.coveredBytes
  return {
    severity: 'corrupt',
    message: `grain table ${table}, for byte ${at} of the extent and what follows, and its redundant copy differ`,
    offset: map.directoryAt + table * map.entryBytes,
  }
}

/** Compares tables from `table` up to `end`. */
function isSame({ counts }: GrainTables, span: TableSpan, copy: TableSpan, table: number, end: number): boolean {
  const [a, b] = [span, copy].map(({ first, entries }) => {
    const from = (table - first) * counts.tableBytes
    const to = Math.min(entries.byteLength, (end - first) * counts.tableBytes)
    return new Uint8Array(entries.buffer, from, to - from)
  })
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0
}
