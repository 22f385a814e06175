import type { NamedSource } from '../bytes/byte-source.js'
import { assertWithin, readPart } from '../bytes/read-part.js'
import { corrupt, isImageError } from '../image/image-error.js'
import type { ImageProblem } from '../image/layer.js'
import { checkGrains } from './check-grains.js'
import type { Extent } from './extent.js'
import { absentPlace, type GrainMap, grainCounts, zeroPlace } from './grain-map.js'
import { grainRuns } from './grain-runs.js'
import { assertDirectory, type GrainCaches, type GrainTables, grainTables } from './grain-tables.js'
import { type HostedHeader, hostedHeaderBytes, parseHostedHeader } from './hosted-header.js'
import { sectorBytes } from './sectors.js'
import { readStreamEnd, type StreamEnd } from './stream-footer.js'

/** Entry of a grain that reads as zeros, in extents whose header allows it (5.0, "Zeroed-Grain Table Entry"). */
export const zeroedEntry = 1

/** Reads the header of a hosted sparse extent. @throws ImageError `corrupt`, `unsupported`, `limit` */
export async function readHostedHeader(file: NamedSource): Promise<HostedHeader> {
  return parseHostedHeader(await readPart(file, 0, hostedHeaderBytes, 'the header'), file.name)
}

/** Opens a hosted sparse extent of which the descriptor says how many sectors the disk has of it. */
export async function openHostedExtent(
  file: NamedSource,
  header: HostedHeader,
  sectors: number,
  caches: GrainCaches,
): Promise<Extent> {
  assertCapacity(header.capacity, header.grainSectors, sectors, file.name)
  const end: StreamEnd =
    header.directorySector === undefined ? await readStreamEnd(file, header) : { header, flaws: [] }
  const directories = await openDirectories(file, end.header, sectors, caches)
  const { used } = directories
  return {
    sizeBytes: sectors * sectorBytes,
    grainBytes: header.grainSectors * sectorBytes,
    details: {
      ...(header.compressed && { compression: 'zlib' }),
      ...(header.zeroedGrains && { zeroedGrains: true }),
      ...(header.uncleanShutdown && { uncleanShutdown: true }),
      ...(directories.broken !== undefined && { redundantDirectoryUsed: true }),
    },
    runs: (offset, length) => grainRuns(used, offset, length),
    problems: () => hostedProblems(file, end, directories),
  }
}

/** Checks what a header says of its size against the descriptor: it may be rounded up to a grain. @throws ImageError `corrupt` */
export function assertCapacity(capacity: number, grainSectors: number, sectors: number, file: string): void {
  if (capacity >= sectors && capacity <= Math.ceil(sectors / grainSectors) * grainSectors) return
  throw corrupt(`the descriptor gives it ${sectors} sectors of the disk, its header ${capacity}`, file)
}

interface Directories {
  readonly used: GrainTables
  /** The other one of two, where it can be read. */
  readonly other?: GrainTables
  /** Why the primary directory is not used. */
  readonly broken?: string
  /** Why the redundant directory cannot be read. */
  readonly redundantBroken?: string
}

/**
 * Chooses the directory: the primary one, or the redundant one when an entry of the primary leads out of the file.
 *
 * Both were written alike, so either one tells the whole truth; the two are never mixed.
 */
async function openDirectories(
  file: NamedSource,
  header: HostedHeader,
  sectors: number,
  caches: GrainCaches,
): Promise<Directories> {
  const open = async (directorySector: number) => {
    const tables = grainTables(hostedMap(file, header, directorySector, sectors), caches)
    await assertDirectory(tables)
    return tables
  }
  const primary = await attempt(() => open(header.directorySector ?? 0))
  const { redundantSector } = header
  if (redundantSector === undefined || redundantSector === 0) {
    if (primary.error !== undefined) throw primary.error
    return { used: primary.value }
  }
  const redundant = await attempt(() => open(redundantSector))
  if (primary.error === undefined && redundant.error === undefined)
    return { used: primary.value, other: redundant.value }
  if (primary.error === undefined) return { used: primary.value, redundantBroken: redundant.error?.message ?? '' }
  // The primary one is what ought to be right: its error is the one to tell.
  if (redundant.error !== undefined) throw primary.error
  return { used: redundant.value, broken: primary.error.message }
}

type Attempt<T> = { readonly value: T; readonly error?: never } | { readonly error: Error; readonly value?: never }

/** Catches what is wrong with the file; errors of the storage are passed on. */
async function attempt<T>(action: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await action() }
  } catch (error) {
    if (isImageError(error)) return { error }
    throw error
  }
}

function hostedMap(file: NamedSource, header: HostedHeader, directorySector: number, sectors: number): GrainMap {
  const { descriptorSector, descriptorSectors, grainSectors, entriesPerTable, zeroedGrains, compressed } = header
  const map = {
    file,
    sizeBytes: sectors * sectorBytes,
    grainBytes: grainSectors * sectorBytes,
    packed: compressed,
    entriesPerTable,
    entryBytes: 4 as const,
    directoryAt: directorySector * sectorBytes,
    dataFrom: Math.max(hostedHeaderBytes, (descriptorSector + descriptorSectors) * sectorBytes),
    tableAt: placeOfSector,
    grainAt: zeroedGrains
      ? (entries: DataView, at: number) =>
          entries.getUint32(at, true) === zeroedEntry ? zeroPlace : placeOfSector(entries, at)
      : placeOfSector,
  }
  if (map.directoryAt < map.dataFrom)
    throw corrupt(`the grain directory at ${map.directoryAt} is within the header`, file.name, map.directoryAt)
  assertWithin(map.directoryAt, grainCounts(map).tables * map.entryBytes, file, 'the grain directory')
  return map
}

function placeOfSector(entries: DataView, at: number): number {
  const sector = entries.getUint32(at, true)
  return sector === 0 ? absentPlace : sector * sectorBytes
}

async function* hostedProblems(
  file: NamedSource,
  { header, flaws }: StreamEnd,
  { used, other, broken, redundantBroken }: Directories,
): AsyncGenerator<ImageProblem, void, undefined> {
  if (header.uncleanShutdown)
    yield { severity: 'note', message: 'it was not closed cleanly: what its last writer held back may be missing' }
  if (broken !== undefined)
    yield {
      severity: 'corrupt',
      message: `the primary grain directory is broken, the redundant one is used: ${broken}`,
    }
  if (redundantBroken !== undefined)
    yield { severity: 'note', message: `the redundant grain directory cannot be read: ${redundantBroken}` }
  for (const flaw of flaws)
    yield { severity: 'note', message: flaw, offset: Math.max(0, file.source.sizeBytes - 2 * sectorBytes) }
  const overhead = Math.min(header.overheadSectors * sectorBytes, file.source.sizeBytes)
  yield* checkGrains(used, {
    ...(other !== undefined && { redundant: other }),
    header: { offset: 0, length: Math.min(used.map.dataFrom, file.source.sizeBytes) },
    overheadBytes: overhead,
    // Streams may hold markers that nothing leads to.
    ...(!header.compressed && { usedBytes: file.source.sizeBytes }),
  })
}
