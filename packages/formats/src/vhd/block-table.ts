import type { NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { readPart } from '../bytes/read-part.js'
import { tableCache } from '../bytes/table-cache.js'
import type { DynamicHeader } from './dynamic-header.js'
import { entryBytes, unusedEntry } from './layout.js'

/** Blocks next to each other that are not in the file, or one that is. */
export type TableSpan =
  | { readonly kind: 'absent'; readonly blocks: number }
  | { readonly kind: 'present'; readonly sector: number }

/** The block allocation table (Block Allocation Table and Data Blocks). */
export interface BlockTable {
  /** Says what a block, or that one and more, is. Called: with numbers below `tableEntries`. */
  readonly span: (index: number) => Promise<TableSpan>
}

/** Entries that are read at once, and pages that are kept: together the whole table of the largest disk of 2 MiB blocks. */
const pageEntries = 16_384
const pagesKept = 64

/** Reads the table page by page. */
export function blockTable(file: NamedSource, { tableAt, tableEntries }: DynamicHeader): BlockTable {
  const pages = tableCache(pagesKept, async (page) => {
    const first = page * pageEntries
    const entries = Math.min(pageEntries, tableEntries - first)
    const bytes = await readPart(file, tableAt + first * entryBytes, entries * entryBytes, 'the block allocation table')
    return { entries, fields: fields(bytes, 'big', file.name) }
  })
  return {
    span: async (index) => {
      const page = await pages.get(Math.floor(index / pageEntries))
      const first = index % pageEntries
      const sector = page.fields.u32(first * entryBytes)
      if (sector !== unusedEntry) return { kind: 'present', sector }
      let next = first + 1
      while (next < page.entries && page.fields.u32(next * entryBytes) === unusedEntry) next += 1
      return { kind: 'absent', blocks: next - first }
    },
  }
}
