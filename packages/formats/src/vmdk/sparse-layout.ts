import { fields } from '../bytes/fields.js'
import { ImageError } from '../image/image-error.js'
import {
  deflateCompression,
  directoryAtEnd,
  hostedFields,
  hostedFlags,
  hostedHeaderBytes,
  hostedMagic,
  newlineTest,
} from './hosted-header.js'
import { sectorBytes, sectorsOf } from './sectors.js'

/** Sectors of a grain, and entries of a grain table: what every product writes. */
export const grainSectors = 128
export const grainBytes = grainSectors * sectorBytes
export const entriesPerTable = 512
export const entryBytes = 4
export const tableBytes = entriesPerTable * entryBytes
export const tableSectors = tableBytes / sectorBytes

/** Sectors that an entry of 32 bits reaches. */
export const reachedSectors = 2 ** 32

/** Where the parts of a new sparse extent are, in sectors (Virtual Disk Format 5.0, "Hosted Sparse Extents"). */
export interface SparseLayout {
  readonly capacity: number
  readonly grains: number
  readonly tables: number
  readonly descriptorSectors: number
  readonly redundantSector: number
  readonly directorySector: number
  /** First tables of both copies; the others lie behind them. */
  readonly redundantTableSector: number
  readonly tableSector: number
  /** First sector that a grain may have. */
  readonly overheadSectors: number
}

/** Lays an extent out. @throws ImageError `limit` when its last grain would be out of reach */
export function sparseLayout(sizeBytes: number, descriptorSectors: number): SparseLayout {
  const capacity = sizeBytes / sectorBytes
  const grains = Math.ceil(capacity / grainSectors)
  const tables = Math.ceil(grains / entriesPerTable)
  const directorySectors = sectorsOf(tables * entryBytes)
  const redundantSector = 1 + descriptorSectors
  const redundantTableSector = redundantSector + directorySectors
  const directorySector = redundantTableSector + tables * tableSectors
  const tableSector = directorySector + directorySectors
  // Grains lie at multiples of their size, which is good for the storage below.
  const overheadSectors = Math.ceil((tableSector + tables * tableSectors) / grainSectors) * grainSectors
  if (overheadSectors + grains * grainSectors > reachedSectors)
    throw new ImageError('limit', `A sparse extent of ${sizeBytes} bytes could not be filled: its file ends at 2 TiB`, {
      hint: 'Write twoGbMaxExtentSparse, streamOptimized or a flat kind instead.',
    })
  return {
    capacity,
    grains,
    tables,
    descriptorSectors,
    redundantSector,
    directorySector,
    redundantTableSector,
    tableSector,
    overheadSectors,
  }
}

/** What a header says beside the layout. */
export interface SparseHeaderFlags {
  /** Whether an entry may say that its grain is zero, which needs version 2. */
  readonly zeroedGrains: boolean
  /** Set until the extent is closed. */
  readonly uncleanShutdown: boolean
}

/** Encodes the header of a sparse extent. */
export function sparseHeader(layout: SparseLayout, { zeroedGrains, uncleanShutdown }: SparseHeaderFlags): Uint8Array {
  const { newlines, redundantDirectory, zeroedGrains: zeroed } = hostedFlags
  return encodeHeader({
    version: zeroedGrains ? 2 : 1,
    flags: newlines | redundantDirectory | (zeroedGrains ? zeroed : 0),
    capacity: layout.capacity,
    descriptorSectors: layout.descriptorSectors,
    redundantSector: layout.redundantSector,
    directorySector: layout.directorySector,
    overheadSectors: layout.overheadSectors,
    uncleanShutdown,
    compression: 0,
  })
}

/** Encodes the header of a stream, or its footer, which alone knows where the directory is. */
export function streamHeader(capacity: number, descriptorSectors: number, directorySector?: number): Uint8Array {
  const { newlines, compressed, markers } = hostedFlags
  return encodeHeader({
    version: 3,
    flags: (newlines | compressed | markers) >>> 0,
    capacity,
    descriptorSectors,
    redundantSector: 0,
    directorySector: directorySector ?? directoryAtEnd,
    overheadSectors: streamOverheadSectors,
    uncleanShutdown: false,
    compression: deflateCompression,
  })
}

/** Sectors before the first grain of a stream: header and descriptor, filled up to a grain. */
export const streamOverheadSectors = 128

interface HeaderValues {
  readonly version: number
  readonly flags: number
  readonly capacity: number
  readonly descriptorSectors: number
  readonly redundantSector: number
  readonly directorySector: number | bigint
  readonly overheadSectors: number
  readonly uncleanShutdown: boolean
  readonly compression: number
}

function encodeHeader(values: HeaderValues): Uint8Array {
  const bytes = new Uint8Array(hostedHeaderBytes)
  const { set16, set32, set64 } = fields(bytes, 'little', '')
  const at = hostedFields
  set32(at.magic, hostedMagic)
  set32(at.version, values.version)
  set32(at.flags, values.flags)
  set64(at.capacity, values.capacity)
  set64(at.grainSectors, grainSectors)
  set64(at.descriptorSector, values.descriptorSectors === 0 ? 0 : 1)
  set64(at.descriptorSectors, values.descriptorSectors)
  set32(at.entriesPerTable, entriesPerTable)
  set64(at.redundantSector, values.redundantSector)
  set64(at.directorySector, values.directorySector)
  set64(at.overheadSectors, values.overheadSectors)
  bytes[at.uncleanShutdown] = values.uncleanShutdown ? 1 : 0
  bytes.set(newlineTest, at.newlines)
  set16(at.compression, values.compression)
  return bytes
}

/** Encodes a directory whose tables lie one behind the other from a sector on. */
export function filledDirectory(tables: number, firstTableSector: number): Uint8Array {
  const bytes = new Uint8Array(sectorsOf(tables * entryBytes) * sectorBytes)
  const { set32 } = fields(bytes, 'little', '')
  for (let table = 0; table < tables; table++) set32(table * entryBytes, firstTableSector + table * tableSectors)
  return bytes
}
