import { fields } from '../bytes/fields.js'
import { damaged, type Place } from '../filesystem-error.js'
import { assertChecksum } from './checksum.js'
import { type DirectoryRecord, directoryRecord } from './directory-record.js'

/** How a block of a directory is read. */
export interface DirectoryBlockOptions {
  readonly version: 4 | 5
  readonly hasFileTypes: boolean
  /** Inode and byte of the volume, both for errors and for checks. */
  readonly place: Required<Pick<Place, 'inode' | 'offset'>>
}

/** The only block of a small directory ends in an index; blocks of larger ones hold entries only. */
const magics = {
  4: { single: 0x5844_3242, data: 0x5844_3244 },
  5: { single: 0x5844_4233, data: 0x5844_4433 },
} as const
const headerBytes = { 4: 16, 5: 64 } as const
const checked = { checksumAt: 4, sectorAt: 8, ownerAt: 40 } as const

const sectorBytes = 512
const tailBytes = 8
const indexEntryBytes = 8
const entryAlignment = 8
const unusedTag = 0xffff

/** Decodes the entries of a block, `.` and `..` among them. @throws FilesystemError `damaged` */
export function* blockRecords(
  bytes: Uint8Array,
  { version, hasFileTypes, place }: DirectoryBlockOptions,
): Generator<DirectoryRecord, void, undefined> {
  const what = `a block of directory ${place.inode}`
  const at = fields(bytes, 'big', what, place)
  const { single, data } = magics[version]
  const magic = at.u32(0)
  if (magic !== single && magic !== data) throw damaged(`${what} is none`, place)
  if (version === 5) {
    assertChecksum(bytes, checked.checksumAt, what, place)
    if (at.u64(checked.ownerAt) !== place.inode) throw damaged(`${what} belongs to another`, place)
    if (at.u64(checked.sectorAt) * sectorBytes !== place.offset) throw damaged(`${what} is not in its place`, place)
  }
  const end = magic === single ? indexStart(bytes, place) : bytes.byteLength
  for (let next = headerBytes[version]; next < end; ) {
    if (at.u16(next) === unusedTag) {
      const length = at.u16(next + 2)
      if (length < entryAlignment || length % entryAlignment !== 0 || next + length > end)
        throw damaged(`${what} has an unused part of ${length} bytes`, place)
      next += length
      continue
    }
    const length = at.u8(next + 8)
    // The entry ends with its own place in the block, in two bytes.
    const typeBytes = hasFileTypes ? 1 : 0
    const entryBytes = Math.ceil((9 + length + typeBytes + 2) / entryAlignment) * entryAlignment
    if (length === 0 || next + entryBytes > end) throw damaged(`${what} has an entry of ${length} letters`, place)
    if (at.u16(next + entryBytes - 2) !== next)
      throw damaged(`${what} has an entry that does not know its place`, place)
    yield directoryRecord(at.slice(next + 9, length), at.u64(next))
    next += entryBytes
  }
}

function indexStart(bytes: Uint8Array, place: DirectoryBlockOptions['place']): number {
  const at = fields(bytes, 'big', `a block of directory ${place.inode}`, place)
  const start = bytes.byteLength - tailBytes - at.u32(bytes.byteLength - tailBytes) * indexEntryBytes
  if (start < 0) throw damaged(`a block of directory ${place.inode} claims an index larger than itself`, place)
  return start
}
