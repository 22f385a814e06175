import type { NamedSource } from '../bytes/byte-source.js'
import { assertWithin } from '../bytes/read-part.js'
import { corrupt } from '../image/image-error.js'
import type { ImageProblem } from '../image/layer.js'
import { type BitmapEntry, bitmapTableEntryBytes } from './bitmap-directory.js'
import { tableEntries } from './bitmaps.js'
import { type ClusterCounts, clusterCounts, countLimit } from './cluster-counts.js'
import type { EntryRules } from './cluster-entry.js'
import { wholeClusters } from './geometry.js'
import type { Qcow2Header } from './header.js'
import { l1EntryBytes } from './header-layout.js'
import { refcountTable } from './refcount-table.js'
import { readSnapshots, type Snapshots } from './snapshots.js'
import { type L1Table, useTables } from './table-references.js'

/** An open image, as checks see it. */
export interface CheckedImage {
  readonly file: NamedSource
  readonly header: Qcow2Header
  readonly rules: EntryRules
  readonly bitmaps: readonly BitmapEntry[]
}

/**
 * Clusters that are counted at once, with 8 bytes of memory for each at most: a file of up to 256 GiB, with clusters of
 * 64 KiB, is checked in one go. Larger ones take one more walk over all tables for each further stretch.
 */
export const windowClusters = 4 * 2 ** 20

/** Stretches that are checked: 16 TiB with clusters of 64 KiB. */
const windowsLimit = 64

/** Compares the refcount of each cluster with what refers to it (spec: Host cluster management). */
export async function* refcountProblems(
  image: CheckedImage,
  window: number,
): AsyncGenerator<ImageProblem, void, undefined> {
  const { file, header, rules } = image
  const { clusterBytes } = header.geometry
  const clusters = Math.ceil(file.source.sizeBytes / clusterBytes)
  const snapshots = await readSnapshots(file, header)
  const walk = { file, rules, l1Tables: l1Tables(image, snapshots), windowClusters: window }
  const table = refcountTable(file, header)
  const end = Math.min(clusters, windowsLimit * window)
  for (let first = 0; first < end; first += window) {
    const counts = clusterCounts(first, Math.min(window, clusters - first), clusterBytes, file.name)
    await table.load(counts)
    yield* table.use(counts)
    yield* useMetadata(image, snapshots, counts)
    yield* useTables(walk, counts)
    yield* differences(counts, header.features.dirty, clusterBytes)
  }
  if (end < clusters)
    yield {
      severity: 'note',
      message: `Refcounts were checked up to ${end * clusterBytes} only: the file is too large.`,
    }
}

/** Gathers the L1 tables. Tables that add up to more than the file lie one in another. @throws ImageError `corrupt` */
function l1Tables({ file, header }: CheckedImage, { list }: Snapshots): readonly L1Table[] {
  const tables = new Map<number, L1Table>([[header.l1.offset, { ...header.l1, times: 1, active: true }]])
  let bytes = 0
  for (const { l1 } of list) {
    const length = l1.entries * l1EntryBytes
    assertWithin(l1.offset, length, file, 'the L1 table of a snapshot')
    if (l1.offset % header.geometry.clusterBytes !== 0)
      throw corrupt(`the L1 table of a snapshot, at ${l1.offset}, does not begin with a cluster`, file.name, l1.offset)
    const known = tables.get(l1.offset)
    if (known === undefined) bytes += wholeClusters(length, header.geometry)
    tables.set(l1.offset, {
      offset: l1.offset,
      entries: Math.max(l1.entries, known?.entries ?? 0),
      times: (known?.times ?? 0) + 1,
      active: known?.active ?? false,
    })
    if (bytes > file.source.sizeBytes) throw corrupt('the L1 tables of snapshots lie one in another', file.name)
  }
  return [...tables.values()]
}

/** Counts the header, the snapshot table and the bitmaps. */
async function* useMetadata(
  { file, header, bitmaps }: CheckedImage,
  { tableBytes }: Snapshots,
  counts: ClusterCounts,
): AsyncGenerator<ImageProblem, void, undefined> {
  const { geometry, extensions, snapshots } = header
  const { clusterBytes } = geometry
  counts.use(0, clusterBytes, 1)
  counts.use(snapshots.offset, tableBytes, 1)
  if (bitmaps.length === 0) return
  counts.use(extensions.bitmaps?.directory.offset ?? 0, extensions.bitmaps?.directory.length ?? 0, 1)
  for (const { table, name } of bitmaps) {
    counts.use(table.offset, table.entries * bitmapTableEntryBytes, 1)
    for await (const { index, entry } of tableEntries(file, table, clusterBytes)) {
      if (entry.kind === 'stored') counts.use(entry.at, clusterBytes, 1)
      if (entry.kind !== 'broken' || counts.first !== 0) continue
      const offset = table.offset + index * bitmapTableEntryBytes
      const message = `Entry ${index} of the table of bitmap ${name} ${entry.why}.`
      yield { severity: 'corrupt', message, offset }
    }
  }
}

/** Tells where both counts differ; neighbours that differ in the same way are told of together. */
function* differences(
  { first, length, used, stated }: ClusterCounts,
  isDirty: boolean,
  clusterBytes: number,
): Generator<ImageProblem, void, undefined> {
  for (let index = 0; index < length; ) {
    const [uses, states] = [used[index] ?? 0, stated[index] ?? 0]
    let next = index + 1
    while (next < length && used[next] === uses && stated[next] === states) next++
    // Counts that reached their limit are known to be large, no more.
    if (uses !== states && Math.min(uses, states) < countLimit) {
      const offset = (first + index) * clusterBytes
      const place = `${next - index} clusters from ${offset} on have refcount ${states}, but`
      yield {
        // A writer with lazy refcounts counts the clusters it took only when it closes the image.
        severity: states > uses ? 'leak' : isDirty && states === 0 ? 'note' : 'corrupt',
        message: uses === 0 ? `${place} nothing refers to them.` : `${place} are referred to ${uses} times.`,
        offset,
      }
    }
    index = next
  }
}
