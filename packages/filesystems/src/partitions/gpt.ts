import { crc32 } from 'node:zlib'
import { fields } from '../bytes/fields.js'
import { guidText } from '../bytes/uuid.js'
import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged, type FilesystemError, isFilesystemError } from '../filesystem-error.js'
import type { Partition } from './partition.js'

/** What the header of a GPT says, checked. UEFI specification, section 5.3.2. */
interface GptHeader {
  readonly tableOffset: number
  readonly entryCount: number
  readonly entryBytes: number
  readonly tableSum: number
}

const signature = 'EFI PART'
const leastHeaderBytes = 92
const unusedType = '00000000-0000-0000-0000-000000000000'
const sectorSizes = [512, 4096] as const

/** Finds the size of the sectors of a disk by where the header of its GPT is; undefined when there is none. */
export async function gptSectorBytes(reader: VolumeReader, options: CallOptions): Promise<number | undefined> {
  for (const sectorBytes of sectorSizes)
    for (const offset of [sectorBytes, lastSector(reader, sectorBytes)])
      if (await hasSignature(reader, offset, options)) return sectorBytes
  return undefined
}

/**
 * Lists the partitions of a GPT; where the header at the start is damaged, from the one at the end of the disk.
 *
 * @throws FilesystemError `damaged` when neither is good, `limit`
 */
export async function gptPartitions(
  reader: VolumeReader,
  sectorBytes: number,
  options: CallOptions,
): Promise<readonly Partition[]> {
  try {
    return await partitionsAt(reader, sectorBytes, sectorBytes, options)
  } catch (error) {
    if (!isRepairable(error)) throw error
    try {
      return await partitionsAt(reader, lastSector(reader, sectorBytes), sectorBytes, options)
    } catch (second) {
      // What is wrong with the first copy says more than that there is no second one.
      throw isRepairable(second) ? error : second
    }
  }
}

function isRepairable(error: unknown): error is FilesystemError {
  return isFilesystemError(error) && (error.code === 'damaged' || error.code === 'limit')
}

async function partitionsAt(
  reader: VolumeReader,
  offset: number,
  sectorBytes: number,
  options: CallOptions,
): Promise<readonly Partition[]> {
  const header = await readHeader(reader, offset, sectorBytes, options)
  const { tableOffset, entryCount, entryBytes } = header
  const table = await reader.structure(tableOffset, entryCount * entryBytes, 'the table of the GPT', options)
  if (crc32(table) !== header.tableSum)
    throw damaged('the checksum of the table of the GPT is wrong', { offset: tableOffset })
  const all: Partition[] = []
  for (let i = 0; i < entryCount; i++) {
    const place = { offset: tableOffset + i * entryBytes }
    const raw = fields(table.subarray(i * entryBytes, (i + 1) * entryBytes), 'little', 'an entry of the GPT', place)
    const type = guidText(raw.slice(0, 16))
    if (type === unusedType) continue
    const first = raw.u64(32)
    const last = raw.u64(40)
    if (last < first) throw damaged(`partition ${i + 1} ends before it begins`, place)
    all.push({
      index: i + 1,
      offset: first * sectorBytes,
      sizeBytes: (last - first + 1) * sectorBytes,
      table: 'gpt',
      type,
      name: nameOf(raw.slice(56, 72)),
      uuid: guidText(raw.slice(16, 16)),
    })
  }
  return all
}

async function readHeader(
  reader: VolumeReader,
  offset: number,
  sectorBytes: number,
  options: CallOptions,
): Promise<GptHeader> {
  const sector = await reader.structure(offset, sectorBytes, 'the header of the GPT', options)
  const raw = fields(sector, 'little', 'the header of the GPT', { offset })
  if (!isHeader(sector)) throw damaged('there is no header of a GPT', { offset })
  const headerBytes = raw.u32(12)
  if (headerBytes < leastHeaderBytes || headerBytes > sectorBytes)
    throw damaged(`the header of the GPT claims ${headerBytes} bytes`, { offset })
  const summed = new Uint8Array(raw.slice(0, headerBytes))
  summed.fill(0, 16, 20)
  if (crc32(summed) !== raw.u32(16)) throw damaged('the checksum of the header of the GPT is wrong', { offset })
  if (raw.u64(24) * sectorBytes !== offset)
    throw damaged('the header of the GPT says that it is somewhere else', { offset })
  const entryBytes = raw.u32(84)
  if (entryBytes < 128 || entryBytes % 8 !== 0)
    throw damaged(`the GPT claims entries of ${entryBytes} bytes`, { offset })
  return { tableOffset: raw.u64(72) * sectorBytes, entryCount: raw.u32(80), entryBytes, tableSum: raw.u32(88) }
}

async function hasSignature(reader: VolumeReader, offset: number, options: CallOptions): Promise<boolean> {
  if (offset < 0 || offset + signature.length > reader.sizeBytes) return false
  return isHeader(await reader.structure(offset, signature.length, 'the header of the GPT', options))
}

function isHeader(bytes: Uint8Array): boolean {
  return String.fromCharCode(...bytes.subarray(0, signature.length)) === signature
}

function lastSector({ sizeBytes }: VolumeReader, sectorBytes: number): number {
  return Math.floor(sizeBytes / sectorBytes) * sectorBytes - sectorBytes
}

function nameOf(bytes: Uint8Array): string {
  const text = new TextDecoder('utf-16le').decode(bytes)
  return text.replace(/\0.*$/s, '')
}
