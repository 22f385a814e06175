import type { ByteRange, NamedSource } from '../bytes/byte-source.js'
import { type Fields, fields } from '../bytes/fields.js'
import { readPart } from '../bytes/read-part.js'
import { corrupt, ImageError } from '../image/image-error.js'
import { readGuid } from './guid.js'
import { metadataIds, metadataTable } from './layout.js'

interface MetadataItem extends ByteRange {
  readonly id: string
  readonly isUser: boolean
}

const knownIds: ReadonlySet<string> = new Set(Object.values(metadataIds))

/**
 * Reads the metadata table (2.6.1) and gives the system items in it, by id, with their places in the file.
 *
 * @throws ImageError `corrupt`; `unsupported` for an unknown item that is required
 */
export async function readMetadataTable(file: NamedSource, region: ByteRange): Promise<ReadonlyMap<string, ByteRange>> {
  if (region.length < metadataTable.bytes)
    throw corrupt(`its metadata region of ${region.length} bytes has no room for a table`, file.name, region.offset)
  const bytes = await readPart(file, region.offset, metadataTable.bytes, 'its metadata table')
  const table = fields(bytes, 'little', file.name)
  if (table.bits64(0) !== metadataTable.signature)
    throw corrupt('its metadata region does not begin with a metadata table', file.name, region.offset)
  const count = table.u16(10)
  if (count > metadataTable.entriesLimit)
    throw corrupt(`its metadata table has ${count} entries, more than it has room for`, file.name, region.offset + 10)
  const items = new Map<string, MetadataItem>()
  for (let index = 0; index < count; index++) {
    const at = metadataTable.headerBytes + index * metadataTable.entryBytes
    const item = parseEntry(table, at, region, file.name)
    const key = `${item.id} ${item.isUser}`
    if (items.has(key)) throw corrupt(`its metadata table names ${item.id} twice`, file.name, region.offset + at)
    items.set(key, item)
  }
  assertSound([...items.values()], file.name, region)
  return new Map([...items.values()].filter(({ isUser }) => !isUser).map((item) => [item.id, item]))
}

function parseEntry(table: Fields, at: number, region: ByteRange, file: string): MetadataItem {
  const { flags, itemLimitBytes } = metadataTable
  const place = region.offset + at
  const id = readGuid(table.bytes, at)
  const [offset, length, bits] = [table.u32(at + 16), table.u32(at + 20), table.u32(at + 24)]
  const isUser = (bits & flags.user) !== 0
  const refuse = (message: string) => new ImageError('unsupported', message, { file, offset: place })
  if ((bits & ~(flags.user | flags.virtualDisk | flags.required)) !== 0)
    throw refuse(`its metadata item ${id} sets unknown flags, 0x${bits.toString(16)}`)
  if ((bits & flags.required) !== 0 && (isUser || !knownIds.has(id)))
    throw refuse(`it needs a metadata item that is not known, ${id}`)
  const isEmpty = length === 0 && offset === 0
  if (!isEmpty && (offset < metadataTable.bytes || length > itemLimitBytes || offset + length > region.length))
    throw corrupt(`its metadata item ${id} at ${offset}, ${length} bytes long, is not within the region`, file, place)
  return { id, isUser, offset: region.offset + offset, length }
}

function assertSound(items: readonly MetadataItem[], file: string, region: ByteRange): void {
  const users = items.filter(({ isUser }) => isUser).length
  if (users > metadataTable.userEntriesLimit)
    throw corrupt(
      `its metadata table has ${users} user entries, more than ${metadataTable.userEntriesLimit}`,
      file,
      region.offset,
    )
  let end = 0
  for (const { id, offset, length } of items.toSorted((a, b) => a.offset - b.offset)) {
    if (length === 0) continue
    if (offset < end) throw corrupt(`its metadata item ${id} overlaps another one`, file, offset)
    end = offset + length
  }
}
