import { type Fields, fields } from '../bytes/fields.js'
import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged, unsupported } from '../filesystem-error.js'

/** What the boot sector of FAT says, checked. Microsoft: FAT32 File System Specification, section 3. */
export interface FatGeometry {
  readonly bits: 12 | 16 | 32
  readonly sizeBytes: number
  readonly clusterBytes: number
  /** Clusters that can be used; the first has number 2. */
  readonly clusterCount: number
  /** Byte where the file allocation table that is in use begins. */
  readonly tableOffset: number
  /** Byte where cluster 2 begins. */
  readonly dataOffset: number
  /** The root directory: a region of its own, or a chain of clusters on FAT32. */
  readonly root: { readonly offset: number; readonly length: number } | { readonly cluster: number }
  readonly serial: number
  readonly label: string
  readonly isDirty: boolean
}

const bootSectorBytes = 512
const entryBytes = 32
const most12 = 4085
const most16 = 65_525
const most32 = 0xfff_fff7

/** Tells whether bytes at the start of a volume are a boot sector of FAT: the fields make sense together. */
export function isFatBootSector(bytes: Uint8Array): boolean {
  if (bytes.byteLength < bootSectorBytes) return false
  const raw = fields(bytes, 'little', 'a boot sector')
  const jumps = raw.u8(0) === 0xeb || raw.u8(0) === 0xe9
  const media = raw.u8(21)
  const tables = raw.u8(16)
  return (
    jumps &&
    isPowerOfTwo(raw.u16(11), 512, 4096) &&
    isPowerOfTwo(raw.u8(13), 1, 128) &&
    raw.u16(14) > 0 &&
    (tables === 1 || tables === 2) &&
    (media === 0xf0 || media >= 0xf8) &&
    (raw.u16(19) !== 0 || raw.u32(32) !== 0) &&
    (raw.u16(22) !== 0 || raw.u32(36) !== 0)
  )
}

/** Reads and checks the boot sector. @throws FilesystemError `damaged`, `unsupported` */
export async function readGeometry(reader: VolumeReader, options: CallOptions): Promise<FatGeometry> {
  const bytes = await reader.structure(0, bootSectorBytes, 'the boot sector of FAT', options)
  return parseGeometry(bytes, reader.sizeBytes)
}

/** Checks the bytes of a boot sector in a volume of `volumeBytes`. @throws FilesystemError `damaged`, `unsupported` */
function parseGeometry(bytes: Uint8Array, volumeBytes: number): FatGeometry {
  if (!isFatBootSector(bytes)) throw broken('its fields make no sense')
  const raw = fields(bytes, 'little', 'the boot sector of FAT', { offset: 0 })
  const sectorBytes = raw.u16(11)
  const clusterBytes = raw.u8(13) * sectorBytes
  const isFat32 = raw.u16(22) === 0
  const sizeBytes = (raw.u16(19) || raw.u32(32)) * sectorBytes
  if (sizeBytes > volumeBytes) throw broken(`it claims ${sizeBytes} bytes, but its volume has ${volumeBytes}`)
  const tableBytes = (isFat32 ? raw.u32(36) : raw.u16(22)) * sectorBytes
  const tablesAt = raw.u16(14) * sectorBytes
  const rootAt = tablesAt + raw.u8(16) * tableBytes
  // The region of the root fills whole sectors.
  const rootBytes = Math.ceil((raw.u16(17) * entryBytes) / sectorBytes) * sectorBytes
  const dataOffset = rootAt + rootBytes
  const claimed = Math.floor((sizeBytes - dataOffset) / clusterBytes)
  if (claimed < 1) throw broken('it has no room for clusters')
  const bits = isFat32 ? 32 : claimed < most12 ? 12 : 16
  if (claimed >= (isFat32 ? most32 : most16)) throw broken(`it claims ${claimed} clusters`)
  // As Linux does: clusters that the table has no room for are not in use.
  const clusterCount = Math.min(claimed, Math.floor((tableBytes * 8) / bits) - 2)
  if (clusterCount < 1) throw broken('its table has no room for clusters')
  const extended = isFat32 ? 64 : 36
  const isExtended = raw.u8(extended + 2) === 0x29 || raw.u8(extended + 2) === 0x28
  return {
    bits,
    sizeBytes,
    clusterBytes,
    clusterCount,
    tableOffset: tablesAt + (isFat32 ? activeTable(raw) : 0) * tableBytes,
    dataOffset,
    root: isFat32 ? { cluster: raw.u32(44) } : { offset: rootAt, length: raw.u16(17) * entryBytes },
    serial: isExtended ? raw.u32(extended + 3) : 0,
    label: isExtended && raw.u8(extended + 2) === 0x29 ? labelOf(raw.slice(extended + 7, 11)) : '',
    isDirty: isExtended && (raw.u8(extended + 1) & 1) !== 0,
  }
}

/** Which table is in use, where they do not mirror each other. */
function activeTable(raw: Fields): number {
  if (raw.u16(42) !== 0) throw unsupported(`the FAT32 file system is of version ${raw.u16(42)}`, { offset: 42 })
  const flags = raw.u16(40)
  if ((flags & 0x80) === 0) return 0
  const active = flags & 0xf
  if (active < raw.u8(16)) return active
  throw broken(`it says that table ${active} is in use`)
}

function labelOf(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes).trimEnd()
  return text === 'NO NAME' ? '' : text
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && (value & (value - 1)) === 0
}

function broken(what: string) {
  return damaged(`the boot sector of FAT is damaged: ${what}`, { offset: 0 })
}
