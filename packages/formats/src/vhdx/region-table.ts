import { Buffer } from 'node:buffer'
import type { ByteRange, NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { assertWithin, readPart } from '../bytes/read-part.js'
import { corrupt, ImageError } from '../image/image-error.js'
import type { ImageProblem } from '../image/layer.js'
import { checksumAt, structureChecksum } from './crc32c.js'
import { readGuid } from './guid.js'
import { alignmentBytes, headerSectionBytes, regionIds, regionTables } from './layout.js'

/** A part of the file that the region table names (2.2.3.2). */
export interface Region extends ByteRange {
  readonly id: string
}

/** Where the known regions are, and what else there is. */
export interface Regions {
  readonly bat: Region
  readonly metadata: Region
  /** Regions that are not known but need not be. */
  readonly others: readonly Region[]
  readonly problems: readonly ImageProblem[]
}

/**
 * Reads the region table from whichever of its two copies is whole; regions must lie apart from each other and the log.
 *
 * @throws ImageError `corrupt`, also when both are whole and differ; `unsupported` for an unknown region that is required
 */
export async function readRegions(file: NamedSource, log: readonly ByteRange[]): Promise<Regions> {
  const copies: readonly TableCopy[] = await Promise.all(regionTables.places.map((at) => readCopy(file, at)))
  const [first, second] = copies.filter(({ used }) => used !== undefined)
  if (first?.used === undefined)
    throw corrupt('neither copy of its region table is whole: the checksums are wrong', file.name, copies[0]?.at)
  if (second?.used !== undefined && Buffer.compare(first.used, second.used) !== 0)
    throw corrupt('both copies of its region table are whole, but they differ', file.name, second.at)
  const regions = parseTable(first.used, first.at, file)
  assertApart([...regions, ...log.map((range) => ({ ...range, id: 'log' }))], file.name)
  const known = (id: string, what: string) => {
    const region = regions.find((one) => one.id === id)
    if (region === undefined) throw corrupt(`its region table names no ${what}`, file.name, first.at)
    return region
  }
  const bat = known(regionIds.bat, 'block allocation table')
  const metadata = known(regionIds.metadata, 'metadata region')
  return {
    bat,
    metadata,
    others: regions.filter((region) => region !== bat && region !== metadata),
    problems: copies
      .filter(({ used }) => used === undefined)
      .map(({ at }) => ({
        severity: 'note',
        message: `The copy of the region table at ${at} is damaged; the other one is used`,
        offset: at,
      })),
  }
}

interface TableCopy {
  readonly at: number
  /** Count and entries of a whole copy, without the free space behind them. */
  readonly used?: Uint8Array
}

/** Where the count of entries lies; the checksum before it also covers free space, in which copies may differ. */
const countAt = 8

async function readCopy(file: NamedSource, at: number): Promise<TableCopy> {
  const bytes = await readPart(file, at, regionTables.bytes, 'a region table')
  const table = fields(bytes, 'little', file.name)
  if (table.u32(0) !== regionTables.signature || table.u32(checksumAt) !== structureChecksum(bytes)) return { at }
  const count = table.u32(countAt)
  if (count > regionTables.entriesLimit)
    throw corrupt(
      `its region table has ${count} entries, more than the ${regionTables.entriesLimit} it has room for`,
      file.name,
      at + countAt,
    )
  return { at, used: bytes.subarray(countAt, regionTables.headerBytes + count * regionTables.entryBytes) }
}

function parseTable(used: Uint8Array, tableAt: number, file: NamedSource): readonly Region[] {
  const table = fields(used, 'little', file.name)
  const regions = new Map<string, Region>()
  for (let at = regionTables.headerBytes - countAt; at < used.byteLength; at += regionTables.entryBytes) {
    const place = tableAt + countAt + at
    const region = { id: readGuid(used, at), offset: table.u64(at + 16), length: table.u32(at + 24) }
    const isKnown = region.id === regionIds.bat || region.id === regionIds.metadata
    if (!isKnown && table.u32(at + 28) !== 0)
      throw new ImageError('unsupported', `it needs a region that is not known, ${region.id}`, {
        file: file.name,
        offset: place,
        hint: 'It was made by a newer program; convert it there to a plain VHDX.',
      })
    if (regions.has(region.id)) throw corrupt(`its region table names ${region.id} twice`, file.name, place)
    if (
      region.offset < headerSectionBytes ||
      region.offset % alignmentBytes !== 0 ||
      region.length % alignmentBytes !== 0
    )
      throw corrupt(
        `its region ${region.id} at ${region.offset}, ${region.length} bytes long, is not in whole mebibytes after the headers`,
        file.name,
        place,
      )
    assertWithin(region.offset, region.length, file, `its region ${region.id}`)
    regions.set(region.id, region)
  }
  return [...regions.values()]
}

function assertApart(regions: readonly Region[], file: string): void {
  let end = 0
  for (const { id, offset, length } of regions.toSorted((a, b) => a.offset - b.offset)) {
    if (offset < end) throw corrupt(`its region ${id} overlaps another`, file, offset)
    end = offset + length
  }
}
