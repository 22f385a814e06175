import type { ByteSource, NamedSource } from '../bytes/byte-source.js'
import { tableBudget } from '../bytes/table-budget.js'
import { corrupt } from '../image/image-error.js'
import type { Run } from '../image/layer.js'
import { type ClusterEntry, clusterEntry, type EntryRules } from './cluster-entry.js'
import type { ClusterTables, L2Part } from './cluster-tables.js'
import { subclusters } from './geometry.js'
import { packedUnit } from './packed-unit.js'

/** What a walk over the clusters of a disk needs. */
export interface Walk {
  readonly file: NamedSource
  /** The file that holds clusters: the image itself, or its data file. */
  readonly data: NamedSource
  readonly tables: ClusterTables
  readonly rules: EntryRules
  readonly compression: 'zlib' | 'zstd'
}

/** Yields where the bytes of a range are; neighbours of one kind are mostly joined. */
export async function* clusterRuns(walk: Walk, offset: number, length: number): AsyncGenerator<Run, void, undefined> {
  const { file, tables, rules } = walk
  const { clusterBytes, l1SpanBytes } = rules.geometry
  const partBytes = tables.l2PartEntries * clusterBytes
  const visit = tableBudget(file, tables.l2PartEntries * rules.geometry.l2EntryBytes, 'L2 tables')
  const end = offset + length
  const l1End = Math.ceil(end / l1SpanBytes)
  for (let at = offset; at < end; ) {
    const l1Index = Math.floor(at / l1SpanBytes)
    const absent = await tables.absentFrom(l1Index, l1End)
    if (absent > 0) {
      const next = Math.min(end, (l1Index + absent) * l1SpanBytes)
      yield { kind: 'absent', offset: at, length: next - at }
      at = next
      continue
    }
    visit()
    const partIndex = Math.floor((at % l1SpanBytes) / partBytes)
    const part = await tables.l2Part(l1Index, partIndex)
    const partOffset = l1Index * l1SpanBytes + partIndex * partBytes
    const next = Math.min(end, partOffset + partBytes)
    yield* joined(partRuns(walk, part, partOffset, at, next))
    at = next
  }
}

/** Yields the runs of `[from, to)` within a part of an L2 table that begins at `partOffset` of the disk. */
function* partRuns(
  walk: Walk,
  { table }: L2Part,
  partOffset: number,
  from: number,
  to: number,
): Generator<Run, void, undefined> {
  const { clusterBytes } = walk.rules.geometry
  for (let at = from; at < to; ) {
    const index = Math.floor((at - partOffset) / clusterBytes)
    const cluster = partOffset + index * clusterBytes
    const next = Math.min(to, cluster + clusterBytes)
    const entry = clusterEntry(table, index, cluster, walk.rules)
    yield* entryRuns(walk, entry, cluster, at, next)
    at = next
  }
}

/** Yields the runs of `[from, to)` within one cluster that begins at `cluster` of the disk. */
function* entryRuns(
  { file, data, rules, compression }: Walk,
  entry: ClusterEntry,
  cluster: number,
  from: number,
  to: number,
): Generator<Run, void, undefined> {
  const { clusterBytes } = rules.geometry
  switch (entry.kind) {
    case 'absent':
    case 'zero':
      return yield { kind: entry.kind, offset: from, length: to - from }
    case 'stored':
      return yield* storedRuns(data, entry.at - cluster, from, to, rules)
    case 'packed': {
      const unit = packedUnit(file, { ...entry, offset: cluster, unpackedBytes: clusterBytes, compression })
      return yield { kind: 'packed', offset: from, length: to - from, unit }
    }
    case 'mixed': {
      const step = clusterBytes / subclusters
      for (let at = from; at < to; ) {
        const index = Math.floor((at - cluster) / step)
        const next = Math.min(to, cluster + (index + 1) * step)
        const isStored = ((entry.allocated >>> index) & 1) === 1
        const isZero = ((entry.zeros >>> index) & 1) === 1
        if (isStored && entry.at !== undefined) yield* storedRuns(data, entry.at - cluster, at, next, rules)
        else yield { kind: isZero ? 'zero' : 'absent', offset: at, length: next - at }
        at = next
      }
      return
    }
    case 'broken':
      throw corrupt(`the L2 entry for the cluster at ${cluster} of the disk ${entry.why}`, file.name)
  }
}

/**
 * Yields a stored range, whose place is `shift` past its place on the disk.
 *
 * An image may end within its last cluster: what was never written there reads as zeros. A data file must hold all.
 */
function* storedRuns(
  { name, source }: NamedSource,
  shift: number,
  from: number,
  to: number,
  { dataFile, geometry }: EntryRules,
): Generator<Run, void, undefined> {
  const room = source.sizeBytes - shift
  const inFile = dataFile ? to <= room : Math.floor(from / geometry.clusterBytes) * geometry.clusterBytes < room
  if (!inFile)
    throw corrupt(`the cluster at ${from} of the disk lies at ${from + shift}, past the end of the file`, name)
  const stored = Math.max(from, Math.min(to, room))
  if (stored > from) yield storedRun(source, shift, from, stored)
  if (stored < to) yield { kind: 'zero', offset: stored, length: to - stored }
}

function storedRun(source: ByteSource, shift: number, from: number, to: number): Run {
  return { kind: 'stored', offset: from, length: to - from, source, at: from + shift }
}

/** Joins neighbours before they pass through the asynchronous generators above, which cost far more. */
function* joined(runs: Iterable<Run>): Generator<Run, void, undefined> {
  let held: Run | undefined
  for (const run of runs) {
    if (held !== undefined && continues(held, run)) held = { ...held, length: held.length + run.length }
    else {
      if (held !== undefined) yield held
      held = run
    }
  }
  if (held !== undefined) yield held
}

function continues(a: Run, b: Run): boolean {
  if (a.kind === 'packed' || a.kind !== b.kind) return false
  return a.kind !== 'stored' || (b.kind === 'stored' && a.source === b.source && a.at + a.length === b.at)
}
