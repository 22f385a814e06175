import type { NamedSource } from '../bytes/byte-source.js'
import { type Fields, fields } from '../bytes/fields.js'
import { checksumAt, crc32c, structureChecksum } from './crc32c.js'
import { readGuid } from './guid.js'
import { logLayout } from './layout.js'
import type { LogSectors } from './log-sectors.js'

/** A valid entry of the log (2.3.1). */
export interface LogEntry {
  /** Sector of the log at which it begins. */
  readonly sector: number
  readonly sectorCount: number
  readonly descriptorCount: number
  readonly sequence: bigint
  /** Sector at which the sequence begins that this entry ends. */
  readonly tailSector: number
  /** Size below which the file was cut off. */
  readonly flushedFileBytes: bigint
  /** Size that the file has after a replay, at least. */
  readonly lastFileBytes: bigint
}

/** What an entry changes in the file. */
export type LogUpdate = ZeroUpdate | DataUpdate

interface ZeroUpdate {
  readonly kind: 'zero'
  readonly offset: bigint
  readonly length: bigint
}

interface DataUpdate {
  readonly kind: 'data'
  readonly offset: bigint
  readonly length: bigint
  /** Sector of the log that holds the bytes, but for those below. */
  readonly sector: number
  readonly leading: Uint8Array
  readonly trailing: Uint8Array
}

const { sectorBytes, headerBytes, descriptorBytes } = logLayout
const descriptorsPerSector = sectorBytes / descriptorBytes
const headerDescriptors = headerBytes / descriptorBytes

/** Tells whether an entry may begin here; cheap, since it is asked of every sector. */
export function looksLikeEntry(sector: Uint8Array): boolean {
  const { entrySignature } = logLayout
  return (
    sector[0] === (entrySignature & 0xff) &&
    sector[1] === ((entrySignature >>> 8) & 0xff) &&
    sector[2] === ((entrySignature >>> 16) & 0xff) &&
    sector[3] === entrySignature >>> 24
  )
}

/** Parses the header of an entry; `undefined` when it breaks a rule, as what a dead writer left behind does. */
export function parseEntryHeader(
  bytes: Uint8Array,
  sector: number,
  { sectorCount: logSectorCount, file }: LogSectors,
  logId: string,
): LogEntry | undefined {
  const header = fields(bytes, 'little', file.name)
  const [length, tail, descriptorCount] = [header.u32(8), header.u32(12), header.u32(24)]
  const sectorCount = length / sectorBytes
  const tailSector = tail / sectorBytes
  const isSound =
    Number.isInteger(sectorCount) &&
    sectorCount > 0 &&
    sectorCount <= logSectorCount &&
    Number.isInteger(tailSector) &&
    tailSector < logSectorCount &&
    descriptorSectors(descriptorCount) <= sectorCount &&
    header.bits64(16) > 0n &&
    header.u32(28) === 0 &&
    readGuid(bytes, 32) === logId
  if (!isSound) return undefined
  return {
    sector,
    sectorCount,
    descriptorCount,
    sequence: header.bits64(16),
    tailSector,
    flushedFileBytes: header.bits64(48),
    lastFileBytes: header.bits64(56),
  }
}

/** Checks everything behind the header: descriptors, data sectors, and the checksum over all of them. */
export async function isWholeEntry(entry: LogEntry, log: LogSectors): Promise<boolean> {
  const descriptorSectorCount = descriptorSectors(entry.descriptorCount)
  let dataCount = 0
  let crc = 0
  let expected = 0
  for (let index = 0; index < entry.sectorCount; index++) {
    const bytes = await log.read(entry.sector + index)
    const sector = fields(bytes, 'little', log.file.name)
    if (index === 0) {
      expected = sector.u32(checksumAt)
      crc = structureChecksum(bytes)
    } else crc = crc32c(bytes, crc)
    if (index < descriptorSectorCount) {
      const found = countData(sector, index, entry)
      if (found === undefined) return false
      dataCount += found
    } else if (!isDataSector(sector, entry)) return false
  }
  return crc === expected && dataCount === entry.sectorCount - descriptorSectorCount
}

/** Reads what an entry changes, in the order in which it is to be written. */
export async function entryUpdates(entry: LogEntry, log: LogSectors): Promise<readonly LogUpdate[]> {
  const updates: LogUpdate[] = []
  const count = descriptorSectors(entry.descriptorCount)
  let dataSector = count
  for (let index = 0; index < count; index++) {
    const bytes = await log.read(entry.sector + index)
    const sector = fields(bytes, 'little', log.file.name)
    for (const at of descriptorPlaces(index, entry)) {
      const offset = sector.bits64(at + 16)
      if (sector.u32(at) === logLayout.zeroSignature)
        updates.push({ kind: 'zero', offset, length: sector.bits64(at + 8) })
      else {
        updates.push({
          kind: 'data',
          offset,
          length: BigInt(sectorBytes),
          sector: log.wrap(entry.sector + dataSector),
          leading: bytes.slice(at + 8, at + 8 + logLayout.leadingBytes),
          trailing: bytes.slice(at + 4, at + 4 + logLayout.trailingBytes),
        })
        dataSector += 1
      }
    }
  }
  return updates
}

/** Reads the sector that an update writes: what its descriptor holds takes the place of signature and sequence. */
export async function readUpdate(
  file: NamedSource,
  at: number,
  { leading, trailing }: DataUpdate,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(sectorBytes)
  await file.source.read(at, bytes)
  bytes.set(leading)
  bytes.set(trailing, sectorBytes - trailing.byteLength)
  return bytes
}

function descriptorSectors(descriptorCount: number): number {
  return Math.ceil((descriptorCount + headerDescriptors) / descriptorsPerSector)
}

/** Yields where in a descriptor sector of an entry its descriptors lie. */
function* descriptorPlaces(index: number, { descriptorCount }: LogEntry): Generator<number, void, undefined> {
  const first = index === 0 ? headerDescriptors : 0
  const end = Math.min(descriptorsPerSector, descriptorCount + headerDescriptors - index * descriptorsPerSector)
  for (let slot = first; slot < end; slot++) yield slot * descriptorBytes
}

/** Counts the data descriptors of a sector (2.3.1.3); `undefined` when one of its descriptors is none. */
function countData(sector: Fields, index: number, entry: LogEntry): number | undefined {
  const alignment = BigInt(sectorBytes)
  let count = 0
  for (const at of descriptorPlaces(index, entry)) {
    if (sector.bits64(at + 24) !== entry.sequence || sector.bits64(at + 16) % alignment !== 0n) return undefined
    const signature = sector.u32(at)
    if (signature === logLayout.dataSignature) count += 1
    else if (signature !== logLayout.zeroSignature) return undefined
    else if (sector.u32(at + 4) !== 0 || sector.bits64(at + 8) % alignment !== 0n) return undefined
  }
  return count
}

/** A data sector has the entry's sequence number at both of its ends (2.3.1.4), so that torn writes show. */
function isDataSector(sector: Fields, { sequence }: LogEntry): boolean {
  return (
    sector.u32(0) === logLayout.sectorSignature &&
    BigInt(sector.u32(4)) === sequence >> 32n &&
    BigInt(sector.u32(sectorBytes - 4)) === (sequence & 0xffff_ffffn)
  )
}
