import type { NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { readPart } from '../bytes/read-part.js'
import { corrupt } from '../image/image-error.js'
import type { ImageProblem } from '../image/layer.js'
import { checkGrains } from './check-grains.js'
import type { Extent } from './extent.js'
import { absentPlace, type GrainMap, grainCounts } from './grain-map.js'
import { grainRuns } from './grain-runs.js'
import { assertDirectory, type GrainCaches, grainTables } from './grain-tables.js'
import { assertCapacity } from './hosted-extent.js'
import { assertGrainSectors } from './hosted-header.js'
import { sectorBytes } from './sectors.js'
import { unsupported } from './vmdk-error.js'

/** `COWD` in the file. */
export const cowdMagic = 0x4457_4f43

/** Header, padding included. */
const headerBytes = 2048
const version1 = 1
const entriesPerTable = 4096

/**
 * Fields of the header (Virtual Disk Format 1.1, "ESX Server Sparse Extents"; libvmdk, "The COWD sparse extent data
 * file"). Names and generations between them are not used by VMware any more.
 */
const at = {
  magic: 0,
  version: 4,
  capacity: 12,
  grainSectors: 16,
  directorySector: 20,
  directoryEntries: 24,
  freeSector: 28,
  uncleanShutdown: 1648,
} as const

/** Opens an extent of a vmfsSparse disk: a snapshot that ESX keeps on VMFS. @throws ImageError `corrupt`, `unsupported`, `limit` */
export async function openCowdExtent(file: NamedSource, sectors: number, caches: GrainCaches): Promise<Extent> {
  const { u32 } = fields(await readPart(file, 0, headerBytes, 'the header'), 'little', file.name)
  if (u32(at.magic) !== cowdMagic) throw corrupt('it has no header of an ESX sparse extent (COWD)', file.name, 0)
  if (u32(at.version) !== version1)
    throw unsupported(`its header has version ${u32(at.version)}`, file.name, `Known is ${version1}.`)
  const grainSectors = u32(at.grainSectors)
  assertGrainSectors(grainSectors, file.name)
  assertCapacity(u32(at.capacity), grainSectors, sectors, file.name)
  const map: GrainMap = {
    file,
    sizeBytes: sectors * sectorBytes,
    grainBytes: grainSectors * sectorBytes,
    packed: false,
    entriesPerTable,
    entryBytes: 4,
    directoryAt: u32(at.directorySector) * sectorBytes,
    dataFrom: headerBytes,
    tableAt: placeOfSector,
    grainAt: placeOfSector,
  }
  const { tables: needed } = grainCounts(map)
  if (u32(at.directoryEntries) < needed)
    throw corrupt(
      `its directory has ${u32(at.directoryEntries)} entries, ${needed} are needed`,
      file.name,
      at.directoryEntries,
    )
  if (map.directoryAt < headerBytes)
    throw corrupt(`the grain directory at ${map.directoryAt} is within the header`, file.name, at.directorySector)
  const tables = grainTables(map, caches)
  await assertDirectory(tables)
  const uncleanShutdown = u32(at.uncleanShutdown) !== 0
  const freeAt = u32(at.freeSector) * sectorBytes
  return {
    sizeBytes: map.sizeBytes,
    grainBytes: map.grainBytes,
    details: { ...(uncleanShutdown && { uncleanShutdown }) },
    runs: (offset, length) => grainRuns(tables, offset, length),
    problems: async function* (): AsyncGenerator<ImageProblem, void, undefined> {
      if (uncleanShutdown)
        yield { severity: 'note', message: 'it was not closed cleanly: what its last writer held back may be missing' }
      yield* checkGrains(tables, {
        header: { offset: 0, length: headerBytes },
        overheadBytes: headerBytes,
        // VMFS gives the file more than it uses: what lies behind the free sector is not lost.
        ...(freeAt >= headerBytes && { usedBytes: Math.min(freeAt, file.source.sizeBytes) }),
      })
    },
  }
}

function placeOfSector(entries: DataView, entryAt: number): number {
  const sector = entries.getUint32(entryAt, true)
  return sector === 0 ? absentPlace : sector * sectorBytes
}
