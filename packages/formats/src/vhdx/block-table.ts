import type { ByteRange, NamedSource } from '../bytes/byte-source.js'
import { assertWithin, readPart } from '../bytes/read-part.js'
import { tableCache } from '../bytes/table-cache.js'
import { corrupt } from '../image/image-error.js'
import { isZero } from '../image/is-zero.js'
import { type BatEntry, decodeBatEntry } from './bat-entry.js'
import { type BlockGeometry, batEntryCount, bitmapEntry, blocksBefore, bytesOfBlock, payloadEntry } from './geometry.js'
import { batEntryBytes, bitmapBlockBytes, bitmapStates, blockStates, headerSectionBytes } from './layout.js'

/** Entries of neighbouring blocks. */
export interface BlockEntries {
  /** The block after the last one that these entries are of. */
  readonly endBlock: number
  /** All of them are zero: blocks that are not present. */
  readonly areEmpty: boolean
  readonly of: (block: number) => BatEntry
}

/** The block allocation table, read a page at a time, and what it leads to. */
export interface BlockTable {
  readonly geometry: BlockGeometry
  readonly hasParent: boolean
  readonly file: NamedSource
  /** Gives entries from a block's on, as far as one page goes. */
  readonly entriesFrom: (block: number) => Promise<BlockEntries>
  readonly bitmapEntryOf: (chunk: number) => Promise<BatEntry>
  /** Bytes of the file at which the entries of a block and of a chunk's sector bitmap lie. */
  readonly entryPlace: (block: number) => number
  readonly bitmapEntryPlace: (chunk: number) => number
  /** Checks where a block is, that has a state with a place. @throws ImageError `corrupt` */
  readonly placeOf: (block: number, entry: BatEntry) => number
  /** Checks where the sector bitmap is that a partially present block needs. @throws ImageError `corrupt` */
  readonly bitmapPlaceOf: (block: number) => Promise<number>
  /** Reads the bits of a block's sectors. @throws ImageError `corrupt` */
  readonly bitsOf: (block: number) => Promise<Uint8Array>
}

/** What the table is opened with. */
export interface BlockTableOptions {
  readonly file: NamedSource
  readonly geometry: BlockGeometry
  readonly hasParent: boolean
  readonly region: ByteRange
  /** Regions and log, which no block may overlap. */
  readonly taken: readonly ByteRange[]
}

const pageBytes = 64 * 1024
const entriesPerPage = pageBytes / batEntryBytes
const pagesKept = 64

/** Opens the table. @throws ImageError `corrupt` when the region is too small for the disk */
export function openBlockTable({ file, geometry, hasParent, region, taken }: BlockTableOptions): BlockTable {
  const entryCount = batEntryCount(geometry, hasParent)
  if (entryCount * batEntryBytes > region.length)
    throw corrupt(
      `its block allocation table of ${region.length} bytes has no room for the ${entryCount} entries of its disk`,
      file.name,
      region.offset,
    )
  const pages = tableCache(pagesKept, async (index) => {
    const bytes = await readPart(file, region.offset + index * pageBytes, pageBytes, 'its block allocation table')
    return { view: new DataView(bytes.buffer), isEmpty: isZero(bytes) }
  })
  const bitmaps = tableCache(pagesKept, (place) => readPart(file, place, bitmapPageBytes, 'a sector bitmap'))
  const readEntry = async (index: number) => {
    const { view } = await pages.get(Math.floor(index / entriesPerPage))
    return decodeBatEntry(view, index % entriesPerPage)
  }
  const bitmapEntryOf = (chunk: number) => readEntry(bitmapEntry(chunk, geometry))
  const entryPlace = (block: number) => region.offset + payloadEntry(block, geometry) * batEntryBytes
  const bitmapEntryPlace = (chunk: number) => region.offset + bitmapEntry(chunk, geometry) * batEntryBytes
  const check = ({ at, hasReservedBits }: BatEntry, length: number, what: string, entryAt: number) => {
    if (hasReservedBits) throw corrupt(`the entry of ${what} sets reserved bits`, file.name, entryAt)
    if (at < headerSectionBytes) throw corrupt(`${what} is said to lie among the headers, at ${at}`, file.name, entryAt)
    assertWithin(at, length, file, what)
    if (taken.some(({ offset, length: bytes }) => at < offset + bytes && offset < at + length))
      throw corrupt(`${what} is said to lie at ${at}, where log, tables or metadata are`, file.name, entryAt)
    return at
  }
  const bitmapPlaceOf = async (block: number) => {
    const chunk = Math.floor(block / geometry.blocksPerChunk)
    const entry = await bitmapEntryOf(chunk)
    if (entry.state === bitmapStates.present)
      return check(entry, bitmapBlockBytes, `the sector bitmap of chunk ${chunk}`, bitmapEntryPlace(chunk))
    throw corrupt(
      `block ${block} is partially present, but the sector bitmap of its chunk ${chunk} is not there`,
      file.name,
      bitmapEntryPlace(chunk),
    )
  }
  return {
    geometry,
    hasParent,
    file,
    entriesFrom: async (block) => {
      const page = Math.floor(payloadEntry(block, geometry) / entriesPerPage)
      const { view, isEmpty } = await pages.get(page)
      return {
        endBlock: Math.min(geometry.blockCount, blocksBefore((page + 1) * entriesPerPage, geometry)),
        areEmpty: isEmpty,
        of: (one) => decodeBatEntry(view, payloadEntry(one, geometry) % entriesPerPage),
      }
    },
    bitmapEntryOf,
    entryPlace,
    bitmapEntryPlace,
    placeOf: (block, entry) => {
      const isReserved = entry.state !== blockStates.fullyPresent && entry.state !== blockStates.partiallyPresent
      if (isReserved || (entry.state === blockStates.partiallyPresent && !hasParent))
        throw corrupt(`block ${block} is in state ${entry.state}, which it cannot be in`, file.name, entryPlace(block))
      return check(entry, bytesOfBlock(block, geometry), `block ${block}`, entryPlace(block))
    },
    bitmapPlaceOf,
    bitsOf: async (block) => {
      const bytes = geometry.sectorsPerBlock / 8
      const from = (block % geometry.blocksPerChunk) * bytes
      const within = from % bitmapPageBytes
      const page = await bitmaps.get((await bitmapPlaceOf(block)) + from - within)
      return page.subarray(within, within + bytes)
    },
  }
}

/** The bits of one block never take more, and begin at multiples of what they take. */
export const bitmapPageBytes = 64 * 1024
