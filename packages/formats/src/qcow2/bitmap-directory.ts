import type { NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { assertWithin, readPart } from '../bytes/read-part.js'
import { corrupt, ImageError } from '../image/image-error.js'
import { wholeClusters } from './geometry.js'
import type { Qcow2Header } from './header.js'
import { text } from './text.js'

/** A bitmap as the directory describes it (spec: Bitmap directory). */
export interface BitmapEntry {
  readonly name: string
  readonly granularityBytes: number
  readonly table: { readonly offset: number; readonly entries: number }
  /** Whoever had the image open did not save it. */
  readonly inUse: boolean
  /** It records each write (flag `auto`). */
  readonly enabled: boolean
  /** There is extra data that is not known, and no permission to leave it out of account. */
  readonly unknownData: boolean
}

/** Places of fields in a directory entry. */
const field = {
  tableOffset: 0,
  tableEntries: 8,
  flags: 12,
  type: 16,
  granularityBits: 17,
  nameLength: 18,
  extraLength: 20,
} as const

const flag = { inUse: 1, auto: 2, extraCompatible: 4, reserved: ~7 } as const
const entryBytes = 24
export const bitmapTableEntryBytes = 8
const dirtyTracking = 1

/** What QEMU supports (spec: Bitmap directory, Bitmaps extension, notes). */
const bitmapLimits = { count: 65_535, granularityBits: { least: 9, most: 31 } } as const

/** Reads the directory, if the image has one that can be relied on. @throws ImageError `corrupt`, `unsupported`, `limit` */
export async function readBitmapDirectory(file: NamedSource, header: Qcow2Header): Promise<readonly BitmapEntry[]> {
  const { extensions, features, geometry } = header
  // Without the bit, a program that knows of no bitmaps has written to the disk: they say nothing (spec: autoclear bit 0).
  if (extensions.bitmaps === undefined || !features.bitmaps) return []
  const { count, directory } = extensions.bitmaps
  const fail = (why: string, at: number) => corrupt(`the bitmap directory ${why}`, file.name, at)
  if (count < 1 || count > bitmapLimits.count) throw fail(`claims ${count} bitmaps`, directory.offset)
  if (directory.offset % geometry.clusterBytes !== 0) throw fail('does not begin with a cluster', directory.offset)
  const bytes = await readPart(file, directory.offset, directory.length, 'the bitmap directory')
  const entries: BitmapEntry[] = []
  const names = new Set<string>()
  let tableBytes = 0
  let at = 0
  for (let index = 0; index < count; index++) {
    if (bytes.byteLength - at < entryBytes) throw fail(`ends before entry ${index}`, directory.offset + at)
    const { entry, length } = parseEntry(bytes.subarray(at), directory.offset + at, header, file)
    if (names.has(entry.name)) throw fail(`has two bitmaps named ${entry.name}`, directory.offset + at)
    names.add(entry.name)
    entries.push(entry)
    // Each has clusters of its own, so that walking all of them is bounded by the size of the file.
    tableBytes += wholeClusters(entry.table.entries * bitmapTableEntryBytes, geometry)
    if (tableBytes > file.source.sizeBytes) throw fail('leads to tables that lie one in another', directory.offset + at)
    at += length
  }
  if (at !== bytes.byteLength) throw fail(`has ${bytes.byteLength - at} bytes after its last entry`, directory.offset)
  return entries
}

function parseEntry(bytes: Uint8Array, at: number, { geometry, sizeBytes }: Qcow2Header, file: NamedSource) {
  const entry = fields(bytes, 'big', file.name)
  const nameLength = entry.u16(field.nameLength)
  const extraLength = entry.u32(field.extraLength)
  const length = Math.ceil((entryBytes + extraLength + nameLength) / 8) * 8
  const fail = (why: string) => corrupt(`an entry of the bitmap directory ${why}`, file.name, at)
  if (length > bytes.byteLength) throw fail(`of ${length} bytes is longer than the directory`)
  if (nameLength === 0) throw fail('has no name')
  const flags = entry.u32(field.flags)
  if ((flags & flag.reserved) !== 0) throw fail('has reserved flags set')
  const type = entry.u8(field.type)
  if (type !== dirtyTracking) throw fail(`is of type ${type}`)
  const granularityBits = entry.u8(field.granularityBits)
  const { least, most } = bitmapLimits.granularityBits
  if (granularityBits < least || granularityBits > most)
    throw new ImageError('unsupported', `A bitmap has a granularity of 2^${granularityBits} bytes.`, {
      file: file.name,
      offset: at,
      hint: `Granularities of 2^${least} to 2^${most} bytes are read. Remove the bitmap: qemu-img bitmap --remove.`,
    })
  const table = { offset: entry.u64(field.tableOffset), entries: entry.u32(field.tableEntries) }
  if (table.offset % geometry.clusterBytes !== 0) throw fail('leads to a table that does not begin with a cluster')
  assertWithin(table.offset, table.entries * bitmapTableEntryBytes, file, 'a bitmap table')
  const granularityBytes = 2 ** granularityBits
  const inUse = (flags & flag.inUse) !== 0
  // One that is in use may be of a size that the disk had before.
  if (!inUse && table.entries * geometry.clusterBytes * 8 < sizeBytes / granularityBytes)
    throw fail(`has a table of ${table.entries} entries, too few for the disk`)
  const nameAt = entryBytes + extraLength
  return {
    length,
    entry: {
      name: text(bytes.subarray(nameAt, nameAt + nameLength)),
      granularityBytes,
      table,
      inUse,
      enabled: (flags & flag.auto) !== 0,
      unknownData: extraLength > 0 && (flags & flag.extraCompatible) === 0,
    },
  }
}
