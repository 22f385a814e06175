import type { NamedSource } from '../bytes/byte-source.js'
import { corrupt } from '../image/image-error.js'
import { type BlockTable, blockTable } from './block-table.js'
import { type DynamicHeader, readHeader } from './dynamic-header.js'
import type { FoundFooter } from './find-footer.js'
import { bitmapBytesOf, entryBytes, footerBytes, headerBytes, sectorBytes } from './layout.js'

/** A dynamic or differencing disk, its headers read and found sound. */
export interface SparseDisk {
  readonly file: NamedSource
  readonly sizeBytes: number
  readonly isDifferencing: boolean
  readonly header: DynamicHeader
  /** Length of the bitmap before the data of each block. */
  readonly bitmapBytes: number
  readonly table: BlockTable
  /** Where no block can be: behind the last of them, and where headers and the table are. */
  readonly dataEnd: number
  readonly reserved: readonly { readonly what: string; readonly from: number; readonly to: number }[]
}

/** Reads the header and prepares the table. @throws ImageError `corrupt`, `unsupported` */
export async function openSparse(file: NamedSource, found: FoundFooter, sizeBytes: number): Promise<SparseDisk> {
  const header = await readHeader(file, found)
  const { blockBytes, tableAt, tableEntries } = header
  if (tableEntries * blockBytes < sizeBytes)
    throw corrupt(
      `its table has ${tableEntries} entries for blocks of ${blockBytes} bytes, too few for a disk of ${sizeBytes}`,
      file.name,
      tableAt,
    )
  const headerAt = Number(found.footer.headerAt)
  return {
    file,
    sizeBytes,
    isDifferencing: found.footer.variant === 'differencing',
    header,
    bitmapBytes: bitmapBytesOf(blockBytes),
    table: blockTable(file, header),
    dataEnd: found.dataEnd,
    reserved: [
      { what: 'the copy of the footer', from: 0, to: footerBytes },
      { what: 'the header', from: headerAt, to: headerAt + headerBytes },
      { what: 'the block allocation table', from: tableAt, to: tableAt + tableEntries * entryBytes },
    ],
  }
}

/** Says what is wrong with the place of a block, if anything is. */
export function misplacement(disk: SparseDisk, index: number, sector: number): string | undefined {
  const { header, bitmapBytes, sizeBytes, dataEnd, reserved } = disk
  const from = sector * sectorBytes
  // The last block of a disk may be cut off where the disk ends.
  const used = Math.max(0, Math.min(header.blockBytes, sizeBytes - index * header.blockBytes))
  const to = from + bitmapBytes + used
  if (to > dataEnd) return `block ${index} is at ${from} to ${to}, but the data ends at ${dataEnd}`
  const crossed = reserved.find((area) => from < area.to && to > area.from)
  return crossed && `block ${index} is at ${from}, on ${crossed.what}`
}
