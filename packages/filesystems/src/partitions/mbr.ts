import { fields } from '../bytes/fields.js'
import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged, FilesystemError } from '../filesystem-error.js'
import type { Partition } from './partition.js'

/** One of the four entries of a table, in sectors. */
export interface MbrEntry {
  readonly type: number
  readonly start: number
  readonly count: number
}

const tableOffset = 446
const entryBytes = 16
const signatureOffset = 510
const extendedTypes: readonly number[] = [0x05, 0x0f, 0x85]
const protectiveType = 0xee
const firstLogical = 5
/** More than any system has. */
const mostLogical = 256

/** Reads the entries of a boot record; undefined when it cannot be one: no signature, or an entry with an unknown status. */
export function mbrEntries(sector: Uint8Array): readonly MbrEntry[] | undefined {
  const raw = fields(sector, 'little', 'a boot record')
  if (raw.u16(signatureOffset) !== 0xaa55) return undefined
  const all: MbrEntry[] = []
  for (let at = tableOffset; at < signatureOffset; at += entryBytes) {
    if ((raw.u8(at) & 0x7f) !== 0) return undefined
    const entry = { type: raw.u8(at + 4), start: raw.u32(at + 8), count: raw.u32(at + 12) }
    all.push(entry)
  }
  return all
}

/** Tells whether an entry stands for a partition. */
export function isUsed({ type, start, count }: MbrEntry): boolean {
  return type !== 0 && start !== 0 && count !== 0
}

/** Tells whether a table says no more than that a GPT is there. */
export function isProtective(entries: readonly MbrEntry[]): boolean {
  return entries.some(({ type }) => type === protectiveType)
}

/** Lists primary partitions, then logical ones. @throws FilesystemError `damaged`, `limit` for a chain that does not end */
export async function mbrPartitions(
  reader: VolumeReader,
  entries: readonly MbrEntry[],
  sectorBytes: number,
  options: CallOptions,
): Promise<readonly Partition[]> {
  const all: Partition[] = []
  const add = (index: number, { type, count }: MbrEntry, start: number) =>
    all.push({
      index,
      offset: start * sectorBytes,
      sizeBytes: count * sectorBytes,
      table: 'mbr',
      type: type.toString(16).padStart(2, '0'),
    })
  for (const [i, entry] of entries.entries())
    if (isUsed(entry) && !extendedTypes.includes(entry.type)) add(i + 1, entry, entry.start)
  const extended = entries.find((entry) => isUsed(entry) && extendedTypes.includes(entry.type))
  if (extended === undefined) return all

  let index = firstLogical
  const seen = new Set<number>()
  // Boot records of logical partitions count from the extended one, what they describe from themselves.
  for (let at: number | undefined = extended.start; at !== undefined; ) {
    if (seen.has(at)) throw damaged('the chain of logical partitions is a circle', { offset: at * sectorBytes })
    if (seen.size >= mostLogical)
      throw new FilesystemError('limit', `There are more than ${mostLogical} logical partitions.`)
    seen.add(at)
    const place = { offset: at * sectorBytes }
    const sector = await reader.structure(place.offset, 512, 'the boot record of a logical partition', options)
    const [logical, next] = mbrEntries(sector) ?? []
    if (logical === undefined || next === undefined)
      throw damaged('the boot record of a logical partition has no signature', place)
    if (isUsed(logical)) {
      add(index, logical, at + logical.start)
      index += 1
    }
    at = isUsed(next) && extendedTypes.includes(next.type) ? extended.start + next.start : undefined
  }
  return all
}
