import type { NamedSource } from '../bytes/byte-source.js'
import { type Fields, fields } from '../bytes/fields.js'
import { readPart } from '../bytes/read-part.js'
import type { ImageProblem } from '../image/layer.js'
import { addTimes, type ClusterCounts, counters } from './cluster-counts.js'
import { type ClusterEntry, clusterEntry, type EntryRules } from './cluster-entry.js'
import { l1Entry, pagedTable, tablePartBytes } from './cluster-tables.js'
import { l1EntryBytes } from './header-layout.js'

/** An L1 table, and how many refer to it: the disk itself (`active`), or snapshots. */
export interface L1Table {
  readonly offset: number
  readonly entries: number
  readonly times: number
  readonly active: boolean
}

/** What counting references needs. */
export interface TableWalk {
  readonly file: NamedSource
  readonly rules: EntryRules
  readonly l1Tables: readonly L1Table[]
  /** Clusters of which L2 tables are gathered at once. */
  readonly windowClusters: number
}

/**
 * Counts what L1 tables refer to: themselves, L2 tables, and clusters of the disk.
 *
 * An L2 table that many snapshots share is read once, so the work is bounded by the size of the file. Complaints about
 * entries come with the first stretch of counts only.
 */
export async function* useTables(
  walk: TableWalk,
  counts: ClusterCounts,
): AsyncGenerator<ImageProblem, void, undefined> {
  const { file, rules, l1Tables, windowClusters } = walk
  const { clusterBytes } = rules.geometry
  const clusters = Math.ceil(file.source.sizeBytes / clusterBytes)
  for (const { offset, entries, times } of l1Tables) counts.use(offset, entries * l1EntryBytes, times)
  for (let first = 0; first < clusters; first += windowClusters) {
    const length = Math.min(windowClusters, clusters - first)
    const found = { first, times: counters(length, file.name), active: new Uint8Array(length) }
    for (const table of l1Tables) yield* useL1(walk, table, counts, found)
    for (let index = 0; index < length; index++) {
      const times = found.times[index] ?? 0
      if (times > 0)
        yield* useL2(walk, { at: (first + index) * clusterBytes, times, active: found.active[index] === 1 }, counts)
    }
  }
}

/** L2 tables in a stretch of the file: how many entries lead to each, and whether the disk's own does. */
interface FoundTables {
  readonly first: number
  readonly times: Uint16Array
  readonly active: Uint8Array
}

async function* useL1(
  { file, rules }: TableWalk,
  { offset, entries, times, active }: L1Table,
  counts: ClusterCounts,
  found: FoundTables,
): AsyncGenerator<ImageProblem, void, undefined> {
  const { clusterBytes } = rules.geometry
  const pages = pagedTable(file, { offset, entries, what: 'an L1 table' })
  for (let index = 0; index < entries; ) {
    const { fields: page, first, end } = await pages.partOf(index)
    for (; index < end; index++) {
      const entry = l1Entry(page, index - first, rules.geometry, file.source.sizeBytes)
      if (entry.kind === 'absent') continue
      const place = offset + index * l1EntryBytes
      const isFirstWindow = found.first === 0
      if (entry.kind === 'broken') {
        const message = `Entry ${index} of the L1 table at ${offset} ${entry.why}.`
        if (isFirstWindow && counts.first === 0) yield { severity: 'corrupt', message, offset: place }
        continue
      }
      const cluster = entry.at / clusterBytes - found.first
      if (cluster >= 0 && cluster < found.times.length) {
        addTimes(found.times, cluster, times)
        if (active) found.active[cluster] = 1
      }
      if (!isFirstWindow) continue
      counts.use(entry.at, clusterBytes, times)
      if (active) yield* copiedProblems(counts, entry, place)
    }
  }
}

/** An L2 table: where it is, how many entries lead to it, and whether the disk's own table does. */
interface L2Table {
  readonly at: number
  readonly times: number
  readonly active: boolean
}

async function* useL2(
  walk: TableWalk,
  l2: L2Table,
  counts: ClusterCounts,
): AsyncGenerator<ImageProblem, void, undefined> {
  const { clusterBytes } = walk.rules.geometry
  const partBytes = Math.min(clusterBytes, tablePartBytes)
  for (let within = 0; within < clusterBytes; within += partBytes) {
    const at = l2.at + within
    const part = fields(await readPart(walk.file, at, partBytes, 'an L2 table'), 'big', walk.file.name)
    yield* useL2Part(walk, { ...l2, at }, part, counts)
  }
}

function* useL2Part(
  { file, rules }: TableWalk,
  { at, times, active }: L2Table,
  part: Fields,
  counts: ClusterCounts,
): Generator<ImageProblem, void, undefined> {
  const { clusterBytes, l2EntryBytes } = rules.geometry
  const entries = part.bytes.byteLength / l2EntryBytes
  for (let index = 0; index < entries; index++) {
    const entry = clusterEntry(part, index, undefined, rules)
    const place = at + index * l2EntryBytes
    const why = complaint(entry, file.source.sizeBytes, rules)
    if (why !== undefined && counts.first === 0)
      yield { severity: 'corrupt', message: `The L2 entry at ${place} ${why}.`, offset: place }
    // Clusters of a data file have no refcounts.
    if (entry.kind === 'broken' || entry.at === undefined || rules.dataFile) continue
    counts.use(entry.at, entry.kind === 'packed' ? entry.length : clusterBytes, times)
    if (active && entry.kind !== 'packed') yield* copiedProblems(counts, { at: entry.at, copied: entry.copied }, place)
  }
}

/** What is wrong with an entry, looked at by itself. */
function complaint(entry: ClusterEntry, fileBytes: number, { dataFile }: EntryRules): string | undefined {
  if (entry.kind === 'broken') return entry.why
  if (entry.at === undefined || dataFile) return undefined
  // The last cluster of a file may be there in part.
  if (entry.at >= fileBytes) return `leads to ${entry.at}, past the end of the file`
  return entry.kind === 'packed' && entry.copied ? 'says that a compressed cluster may be overwritten' : undefined
}

/**
 * The flag must say whether the refcount is exactly one (spec: L1 table entry, L2 table entry; bit 63). A refcount of 0 is
 * told of by itself, and may be one that is behind.
 */
function* copiedProblems(
  counts: ClusterCounts,
  { at, copied }: { readonly at: number; readonly copied: boolean },
  place: number,
): Generator<ImageProblem, void, undefined> {
  const index = counts.indexOf(at)
  const stated = index === undefined ? 0 : (counts.stated[index] ?? 0)
  if (copied && stated > 1)
    yield {
      severity: 'corrupt',
      message: `The entry at ${place} lets the cluster at ${at} be overwritten, whose refcount is ${stated}.`,
      offset: place,
    }
  if (!copied && stated === 1)
    yield {
      severity: 'note',
      message: `The entry at ${place} does not say that nobody else refers to the cluster at ${at}.`,
      offset: place,
    }
}
