import type { NamedSource } from '../bytes/byte-source.js'
import { type Fields, fields } from '../bytes/fields.js'
import { readPart } from '../bytes/read-part.js'
import { tableCache } from '../bytes/table-cache.js'
import { corrupt } from '../image/image-error.js'
import type { Geometry } from './geometry.js'
import { l1EntryBytes } from './header-layout.js'

/** Tables are read in parts of at most this, so that one place of a disk costs no whole table of 2 MiB. */
export const tablePartBytes = 64 * 1024

/** Memory for L1 parts and for L2 parts: enough for random reads of 32 GiB with clusters of 64 KiB. */
const cachedBytes = { l1: 2 ** 20, l2: 4 * 2 ** 20 }

/** What an L1 entry says (spec: L1 table entry). `copied` tells that nobody else refers to the table. */
export type L1Entry =
  | { readonly kind: 'absent' }
  | { readonly kind: 'table'; readonly at: number; readonly copied: boolean }
  | { readonly kind: 'broken'; readonly why: string }

const copiedHigh = 0x8000_0000
const reservedHigh = 0x7f00_0000
const offsetHigh = 0x00ff_ffff
const reservedLow = 0x0000_01ff

/** Understands entry `index` of a part of an L1 table. */
export function l1Entry(part: Fields, index: number, { clusterBytes }: Geometry, fileBytes: number): L1Entry {
  const high = part.u32(index * l1EntryBytes)
  const low = part.u32(index * l1EntryBytes + 4)
  if ((high & reservedHigh) !== 0 || (low & reservedLow) !== 0) return { kind: 'broken', why: 'has reserved bits set' }
  const at = (high & offsetHigh) * 2 ** 32 + low
  if (at === 0) return { kind: 'absent' }
  if (at % clusterBytes !== 0) return { kind: 'broken', why: `leads to ${at}, where no cluster begins` }
  if (at > fileBytes - clusterBytes) return { kind: 'broken', why: `leads to ${at}, past the end of the file` }
  return { kind: 'table', at, copied: (high & copiedHigh) !== 0 }
}

/** A piece of an L2 table: its entries, and how many. */
export interface L2Part {
  readonly table: Fields
  readonly entries: number
}

/** The active L1 table and its L2 tables. */
export interface ClusterTables {
  /** Entries from `index` on that are zero, one after another; 0 when that one is not. */
  readonly absentFrom: (index: number, end: number) => Promise<number>
  /** Loads a part of the L2 table under an L1 entry that is not zero. @throws ImageError `corrupt` */
  readonly l2Part: (l1Index: number, part: number) => Promise<L2Part>
  readonly l2PartEntries: number
}

/** Makes the reader of a table at `offset` of `entries` entries of 8 bytes, in parts that are kept. */
export function pagedTable(
  file: NamedSource,
  { offset, entries, what }: { readonly offset: number; readonly entries: number; readonly what: string },
) {
  const partEntries = tablePartBytes / l1EntryBytes
  const cache = tableCache(cachedBytes.l1 / tablePartBytes, async (part) => {
    const length = Math.min(partEntries, entries - part * partEntries) * l1EntryBytes
    return fields(await readPart(file, offset + part * tablePartBytes, length, what), 'big', file.name)
  })
  return {
    /** Loads the part with entry `index`; `first` is the number of its first entry, `end` that after its last. */
    partOf: async (index: number) => {
      const part = Math.floor(index / partEntries)
      const first = part * partEntries
      return { fields: await cache.get(part), first, end: Math.min(first + partEntries, entries) }
    },
  }
}

/** Makes the reader of the tables that lead to the clusters of the disk. */
export function clusterTables(
  file: NamedSource,
  l1: { readonly offset: number; readonly entries: number },
  geometry: Geometry,
): ClusterTables {
  const { clusterBytes, l2EntryBytes } = geometry
  const l1Table = pagedTable(file, { ...l1, what: 'the L1 table' })
  const partBytes = Math.min(clusterBytes, tablePartBytes)
  const partsPerTable = clusterBytes / partBytes
  const entries = partBytes / l2EntryBytes

  const loadPart = async (key: number): Promise<L2Part> => {
    const index = Math.floor(key / partsPerTable)
    const { fields: part, first } = await l1Table.partOf(index)
    const entry = l1Entry(part, index - first, geometry, file.source.sizeBytes)
    const place = l1.offset + index * l1EntryBytes
    if (entry.kind === 'broken') throw corrupt(`entry ${index} of the L1 table ${entry.why}`, file.name, place)
    if (entry.kind === 'absent') throw corrupt(`entry ${index} of the L1 table leads nowhere`, file.name, place)
    const at = entry.at + (key % partsPerTable) * partBytes
    return { table: fields(await readPart(file, at, partBytes, 'an L2 table'), 'big', file.name), entries }
  }
  const l2Parts = tableCache(cachedBytes.l2 / partBytes, loadPart)

  return {
    absentFrom: async (index, end) => {
      const { fields: part, first, end: partEnd } = await l1Table.partOf(index)
      const last = Math.min(end, partEnd)
      let at = index
      while (at < last && isEmpty(part, at - first)) at++
      return at - index
    },
    l2Part: async (l1Index, part) => l2Parts.get(l1Index * partsPerTable + part),
    l2PartEntries: entries,
  }
}

function isEmpty(part: Fields, index: number): boolean {
  return part.u32(index * l1EntryBytes) === 0 && part.u32(index * l1EntryBytes + 4) === 0
}
