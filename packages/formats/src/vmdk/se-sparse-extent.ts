import type { NamedSource } from '../bytes/byte-source.js'
import { corrupt } from '../image/image-error.js'
import { checkGrains } from './check-grains.js'
import type { Extent } from './extent.js'
import { absentPlace, type GrainMap, grainCounts, zeroPlace } from './grain-map.js'
import { grainRuns } from './grain-runs.js'
import { assertDirectory, type GrainCaches, grainTables } from './grain-tables.js'
import { assertCapacity } from './hosted-extent.js'
import { readSeSparseHeader, type SeSparseHeader } from './se-sparse-header.js'
import { sectorBytes } from './sectors.js'

/** The top four bits of an entry say what it is. */
const entryTypes = { absent: 0, table: 1, unmapped: 1, zero: 2, allocated: 3 } as const
const entryBytes = 8

/** Opens an extent of a seSparse disk: a snapshot that ESXi keeps on VMFS-6. @throws ImageError `corrupt`, `unsupported` */
export async function openSeSparseExtent(file: NamedSource, sectors: number, caches: GrainCaches): Promise<Extent> {
  const header = await readSeSparseHeader(file)
  assertCapacity(header.capacity, header.grainSectors, sectors, file.name)
  const map: GrainMap = {
    file,
    sizeBytes: sectors * sectorBytes,
    grainBytes: header.grainSectors * sectorBytes,
    packed: false,
    entriesPerTable: header.tableBytes / entryBytes,
    entryBytes,
    directoryAt: header.directory.offset,
    dataFrom: sectorBytes,
    tableAt: (entries, at) => placeOfTable(entries, at, header, file.name),
    grainAt: (entries, at) => placeOfGrain(entries, at, header, file.name),
  }
  const { tables: needed } = grainCounts(map)
  if (header.directory.length < needed * entryBytes)
    throw corrupt(
      `its directory has room for ${header.directory.length / entryBytes} entries, ${needed} are needed`,
      file.name,
      header.directory.offset,
    )
  const tables = grainTables(map, caches)
  await assertDirectory(tables)
  return {
    sizeBytes: map.sizeBytes,
    grainBytes: map.grainBytes,
    details: {},
    runs: (offset, length) => grainRuns(tables, offset, length),
    problems: () =>
      checkGrains(tables, { header: { offset: 0, length: sectorBytes }, overheadBytes: header.grains.offset }),
  }
}

/** An entry of the directory: 0, or 1 in the top four bits and the number of a table in the lower half. */
function placeOfTable(entries: DataView, at: number, { tables, tableBytes }: SeSparseHeader, file: string): number {
  const [low, high] = halves(entries, at)
  if (low === 0 && high === 0) return absentPlace
  if (high !== entryTypes.table * 2 ** 28)
    throw corrupt(`an entry of its grain directory is ${hex(low, high)}, which has no meaning`, file)
  return placeWithin(tables, low * tableBytes, tableBytes, file, 'a grain table')
}

/**
 * An entry of a table. The number of an allocated grain is turned round: its lowest 12 bits are bits 48 to 59 of the
 * entry, the others are bits 0 to 47.
 */
function placeOfGrain(entries: DataView, at: number, { grains, grainSectors }: SeSparseHeader, file: string): number {
  const [low, high] = halves(entries, at)
  switch (high >>> 28) {
    case entryTypes.absent:
      if (low === 0 && high === 0) return absentPlace
      break
    case entryTypes.unmapped:
    case entryTypes.zero:
      return zeroPlace
    case entryTypes.allocated: {
      const number = ((high >>> 16) & 0xfff) + ((high & 0xffff) * 2 ** 32 + low) * 2 ** 12
      const grainBytes = grainSectors * sectorBytes
      return placeWithin(grains, number * grainBytes, grainBytes, file, 'a grain')
    }
  }
  throw corrupt(`an entry of a grain table is ${hex(low, high)}, which has no meaning`, file)
}

function placeWithin(
  area: SeSparseHeader['tables'],
  within: number,
  length: number,
  file: string,
  what: string,
): number {
  if (Number.isSafeInteger(within) && within + length <= area.length) return area.offset + within
  throw corrupt(`${what} is ${within} bytes into an area of ${area.length}`, file, area.offset)
}

function halves(entries: DataView, at: number): readonly [low: number, high: number] {
  return [entries.getUint32(at, true), entries.getUint32(at + 4, true)]
}

function hex(low: number, high: number): string {
  return `0x${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`
}
