import { Buffer } from 'node:buffer'
import type { NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { assertWithin, readPart } from '../bytes/read-part.js'
import { corrupt, ImageError } from '../image/image-error.js'
import type { FoundFooter } from './find-footer.js'
import { checksumOf, entryBytes, footerBytes, headerBytes, sectorBytes } from './layout.js'
import { fromTimestamp, toTimestamp } from './timestamp.js'
import { utf16be } from './utf16.js'
import { uuidBytes, uuidText } from './uuid.js'

/** An entry of the parent locator table: where a name of the parent is stored, and for which platform. */
export interface LocatorEntry {
  /** Four characters: `W2ru`, `MacX`. */
  readonly platform: string
  readonly offset: bigint
  readonly length: number
}

/** What the header of a dynamic or differencing disk says (Dynamic Disk Header Format). */
export interface DynamicHeader {
  readonly tableAt: number
  readonly tableEntries: number
  readonly blockBytes: number
  /** Meaningful in differencing disks only, as all that follows. */
  readonly parentId: string
  readonly parentModifiedAt: Date
  readonly parentName: string
  readonly locators: readonly LocatorEntry[]
}

const cookie = Buffer.from('cxsparse')
const headerVersion = 0x0001_0000
const allBits = 0xffff_ffff_ffff_ffffn

const at = {
  cookie: 0,
  dataOffset: 8,
  tableOffset: 16,
  headerVersion: 24,
  maxTableEntries: 28,
  blockSize: 32,
  checksum: 36,
  parentId: 40,
  parentTimestamp: 56,
  parentName: 64,
  locators: 576,
} as const

/** Length of the field for the parent's name, and so twice the letters it can have. */
export const parentNameBytes = at.locators - at.parentName

const locator = { count: 8, bytes: 24, platform: 0, space: 4, length: 8, offset: 16 } as const

/** Reads the header that a footer leads to. @throws ImageError `corrupt`, `unsupported` */
export async function readHeader(file: NamedSource, { footer, dataEnd }: FoundFooter): Promise<DynamicHeader> {
  const { name } = file
  if (footer.headerAt < footerBytes || footer.headerAt > dataEnd - headerBytes)
    throw corrupt(`its footer says that the header is at ${footer.headerAt}, where none can be`, name)
  const offset = Number(footer.headerAt)
  const bytes = await readPart(file, offset, headerBytes, 'The header')
  const header = fields(bytes, 'big', name)
  if (cookie.compare(bytes, 0, cookie.byteLength) !== 0)
    throw corrupt('its header has no cookie "cxsparse"', name, offset)
  const [stated, right] = [header.u32(at.checksum), checksumOf(bytes, at.checksum)]
  if (stated !== right)
    throw corrupt(`its header has the checksum ${stated} where its bytes add up to ${right}`, name, offset)
  const version = header.u32(at.headerVersion)
  if (version >>> 16 !== headerVersion >>> 16)
    throw new ImageError(
      'unsupported',
      `Its header is of version ${version >>> 16}.${version & 0xffff}; version 1 is known`,
      { file: name, offset, hint: 'Convert the disk with the program that made it.' },
    )
  const blockBytes = header.u32(at.blockSize)
  if (blockBytes < sectorBytes || !Number.isInteger(Math.log2(blockBytes)))
    throw corrupt(`its header states blocks of ${blockBytes} bytes, which is no power of two of sectors`, name, offset)
  const tableAt = header.u64(at.tableOffset)
  const tableEntries = header.u32(at.maxTableEntries)
  assertTable(file, { tableAt, tableEntries, headerAt: offset, dataEnd })
  return {
    tableAt,
    tableEntries,
    blockBytes,
    parentId: uuidText(bytes, at.parentId),
    parentModifiedAt: fromTimestamp(header.u32(at.parentTimestamp)),
    parentName: utf16be(bytes.subarray(at.parentName, at.parentName + parentNameBytes)),
    locators: Array.from({ length: locator.count }, (_, index) => {
      const entry = at.locators + index * locator.bytes
      return {
        platform: Buffer.from(bytes.subarray(entry, entry + 4)).toString('latin1'),
        length: header.u32(entry + locator.length),
        offset: header.bits64(entry + locator.offset),
      }
    }),
  }
}

interface Table {
  readonly tableAt: number
  readonly tableEntries: number
  readonly headerAt: number
  readonly dataEnd: number
}

/** The table lies within the file and shares no byte with the footers and the header. */
function assertTable(file: NamedSource, { tableAt, tableEntries, headerAt, dataEnd }: Table): void {
  const what = 'the block allocation table'
  const length = tableEntries * entryBytes
  assertWithin(tableAt, length, file, what)
  const isOnHeader = tableAt < headerAt + headerBytes && tableAt + length > headerAt
  if (tableAt < footerBytes || isOnHeader || tableAt + length > dataEnd)
    throw corrupt(`${what} at ${tableAt}, ${length} bytes long, lies on a footer or the header`, file.name, tableAt)
}

/** A locator as it is written: with the room that is set aside for it, a multiple of the sector. */
export interface NewLocator {
  readonly platform: string
  readonly offset: number
  readonly length: number
  readonly room: number
}

/** What a new header says. */
export interface NewHeader extends Pick<DynamicHeader, 'tableAt' | 'tableEntries' | 'blockBytes'> {
  readonly parent?: {
    readonly uniqueId: string
    readonly modifiedAt: Date
    /** UTF-16, big-endian. */
    readonly name: Uint8Array
    readonly locators: readonly NewLocator[]
  }
}

/** Makes the bytes of a header, checksum included. */
export function encodeHeader({ tableAt, tableEntries, blockBytes, parent }: NewHeader): Uint8Array {
  const bytes = new Uint8Array(headerBytes)
  const header = fields(bytes, 'big', 'header')
  bytes.set(cookie, at.cookie)
  // The specification says 0xFFFFFFFF; what Microsoft writes, and its tools expect, is all 64 bits.
  header.set64(at.dataOffset, allBits)
  header.set64(at.tableOffset, tableAt)
  header.set32(at.headerVersion, headerVersion)
  header.set32(at.maxTableEntries, tableEntries)
  header.set32(at.blockSize, blockBytes)
  if (parent !== undefined) {
    bytes.set(uuidBytes(parent.uniqueId), at.parentId)
    header.set32(at.parentTimestamp, toTimestamp(parent.modifiedAt))
    bytes.set(parent.name, at.parentName)
    for (const [index, { platform, offset, length, room }] of parent.locators.entries()) {
      const entry = at.locators + index * locator.bytes
      bytes.set(Buffer.from(platform, 'latin1'), entry + locator.platform)
      // The specification counts sectors here, Windows counts bytes; readers go by the length alone.
      header.set32(entry + locator.space, room)
      header.set32(entry + locator.length, length)
      header.set64(entry + locator.offset, offset)
    }
  }
  header.set32(at.checksum, checksumOf(bytes, at.checksum))
  return bytes
}
