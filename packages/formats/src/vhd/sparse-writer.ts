import { allocate } from '../bytes/allocate.js'
import type { ByteStore } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { encodeHeader, type NewHeader } from './dynamic-header.js'
import { encodeFooter, type VhdFooter } from './footer.js'
import { bitmapBytesOf, entryBytes, footerBytes, headerBytes, roundUp, sectorBytes, unusedEntry } from './layout.js'

/** Where a block of a new disk is. */
export interface BlockPlace {
  readonly bitmapAt: number
  readonly dataAt: number
}

/** The frame of a new dynamic or differencing disk: footers, header and table, and room for blocks. */
export interface SparseWriter {
  readonly bitmapBytes: number
  /** Says where a block is. */
  readonly find: (index: number) => BlockPlace | undefined
  /** Says where a block is and gives it a place if it has none; at once, so that two writes cannot both do so. */
  readonly place: (index: number) => BlockPlace
  readonly flush: () => Promise<void>
  /** Writes all that is left: table, header and footers. */
  readonly finish: () => Promise<void>
}

/** Parts of a new file whose sizes are known from the start. */
export interface SparseWriterOptions {
  readonly footer: VhdFooter
  readonly blockBytes: number
  /** What lies behind the table, with the header's parent that refers to it. */
  readonly parent?: {
    readonly header: (areaAt: number) => NonNullable<NewHeader['parent']>
    readonly area: Uint8Array
  }
}

/** Data of blocks begins at multiples of it, for disks with sectors of 4 KiB, if the file has room for that. */
const alignmentBytes = 4096

/** Where the header is in files that this writes: behind the copy of the footer. */
export const headerAt = footerBytes

/** Sectors are counted in 32 bits, all of them set being taken. */
const fileLimitBytes = unusedEntry * sectorBytes

/** Begins a dynamic or differencing disk. The table, 16 MiB at most, is kept in memory until it is flushed. */
export function sparseWriter(store: ByteStore, { footer, blockBytes, parent }: SparseWriterOptions): SparseWriter {
  const bitmapBytes = bitmapBytesOf(blockBytes)
  const tableAt = headerAt + headerBytes
  const tableEntries = Math.ceil(footer.currentSizeBytes / blockBytes)
  const tableBytes = allocate(
    roundUp(tableEntries * entryBytes, sectorBytes),
    'The block allocation table',
    'the new disk',
  )
  const table = fields(tableBytes.fill(0xff), 'big', 'the new disk')
  const areaAt = tableAt + tableBytes.byteLength
  const dataStart = areaAt + roundUp(parent?.area.byteLength ?? 0, sectorBytes)
  const alignedUnit = roundUp(bitmapBytes + blockBytes, alignmentBytes)
  const alignment =
    dataStart + alignmentBytes + tableEntries * alignedUnit < fileLimitBytes ? alignmentBytes : sectorBytes
  let end = dataStart
  /** Bytes of the table that the file does not have yet. */
  let unsaved = { from: 0, to: tableBytes.byteLength }

  const find = (index: number): BlockPlace | undefined => {
    const sector = table.u32(index * entryBytes)
    if (sector === unusedEntry) return undefined
    return { bitmapAt: sector * sectorBytes, dataAt: sector * sectorBytes + bitmapBytes }
  }

  const noteUnsaved = (from: number, to: number) => {
    unsaved = { from: Math.min(unsaved.from, from), to: Math.max(unsaved.to, to) }
  }

  const saveTable = async () => {
    const { from, to } = unsaved
    if (from >= to) return
    unsaved = { from: tableBytes.byteLength, to: 0 }
    try {
      // A copy, since blocks may be placed while it is written.
      await store.write(tableAt + from, tableBytes.slice(from, to))
    } catch (error) {
      noteUnsaved(from, to)
      throw error
    }
  }

  return {
    bitmapBytes,
    find,
    place: (index) => {
      const found = find(index)
      if (found !== undefined) return found
      const dataAt = roundUp(end + bitmapBytes, alignment)
      const bitmapAt = dataAt - bitmapBytes
      table.set32(index * entryBytes, bitmapAt / sectorBytes)
      noteUnsaved(index * entryBytes, (index + 1) * entryBytes)
      end = dataAt + blockBytes
      return { bitmapAt, dataAt }
    },
    flush: saveTable,
    finish: async () => {
      await saveTable()
      if (parent !== undefined) await store.write(areaAt, parent.area)
      const header = encodeHeader({
        tableAt,
        tableEntries,
        blockBytes,
        ...(parent !== undefined && { parent: parent.header(areaAt) }),
      })
      await store.write(headerAt, header)
      const encoded = encodeFooter(footer)
      await store.write(0, encoded)
      await store.write(end, encoded)
    },
  }
}
