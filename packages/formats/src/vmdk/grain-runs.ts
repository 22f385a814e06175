import { tableBudget } from '../bytes/table-budget.js'
import type { Run } from '../image/layer.js'
import { absentPlace, type GrainMap, placeOfGrain, zeroPlace } from './grain-map.js'
import type { GrainTables, TableSpan } from './grain-tables.js'
import { packedGrain } from './packed-grain.js'

/** Yields where the grains of an extent are; offsets count from the start of the extent. */
export async function* grainRuns(
  tables: GrainTables,
  offset: number,
  length: number,
): AsyncGenerator<Run, void, undefined> {
  const { map, counts } = tables
  const visit = tableBudget(map.file, counts.tableBytes, 'grain tables')
  const end = offset + length
  for (let at = offset; at < end; ) {
    const table = Math.floor(at / counts.coveredBytes)
    const missing = await tables.absentFrom(table)
    if (missing > 0) {
      const to = Math.min(end, (table + missing) * counts.coveredBytes)
      yield { kind: 'absent', offset: at, length: to - at }
      at = to
      continue
    }
    const span = await tables.load(table)
    const to = Math.min(end, (span.first + span.count) * counts.coveredBytes)
    for (let next = table; next * counts.coveredBytes < to; next++) visit()
    if (span.empty) yield { kind: 'absent', offset: at, length: to - at }
    else yield* spanRuns(map, span, at, to)
    at = to
  }
}

/** Yields the runs of a range that a span covers; grains that are one run are joined here, where it costs least. */
function* spanRuns(map: GrainMap, span: TableSpan, from: number, to: number): Generator<Run, void, undefined> {
  const { grainBytes, entryBytes, entriesPerTable, packed, file } = map
  const firstGrain = span.first * entriesPerTable
  let held: { place: number; offset: number; end: number } | undefined
  for (let at = from; at < to; ) {
    const grain = Math.floor(at / grainBytes)
    const start = grain * grainBytes
    const end = Math.min(to, start + grainBytes)
    const entryAt = (grain - firstGrain) * entryBytes
    const place = placeOfGrain(map, span.entries, entryAt, grain)
    if (packed && place >= 0) {
      if (held !== undefined) yield plainRun(map, held)
      held = undefined
      const unit = packedGrain(map, grain, place, nextPlace(map, span, entryAt))
      yield { kind: 'packed', offset: at, length: end - at, unit }
    } else {
      const stored = place < 0 ? place : place + at - start
      const joined = held !== undefined && stored === (place < 0 ? held.place : held.place + held.end - held.offset)
      if (joined && held !== undefined) held.end = end
      else {
        if (held !== undefined) yield plainRun({ file }, held)
        held = { place: stored, offset: at, end }
      }
    }
    at = end
  }
  if (held !== undefined) yield plainRun({ file }, held)
}

function plainRun(
  { file }: Pick<GrainMap, 'file'>,
  { place, offset, end }: { readonly place: number; readonly offset: number; readonly end: number },
): Run {
  const length = end - offset
  if (place === absentPlace) return { kind: 'absent', offset, length }
  if (place === zeroPlace) return { kind: 'zero', offset, length }
  return { kind: 'stored', offset, length, source: file.source, at: place }
}

/** Where the grain of the next entry begins: in a stream it ends this one. */
function nextPlace({ entryBytes, grainAt }: GrainMap, { entries }: TableSpan, entryAt: number): number {
  const next = entryAt + entryBytes
  return next + entryBytes <= entries.byteLength ? grainAt(entries, next) : absentPlace
}
