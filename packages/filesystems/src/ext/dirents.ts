import { crc32c } from '../bytes/crc32c.js'
import { fields } from '../bytes/fields.js'
import { damaged, type Place } from '../filesystem-error.js'

/** A name in a directory and its inode. */
export interface Dirent {
  readonly name: Uint8Array
  readonly inode: number
}

/** How a directory's entries are stored. */
export interface DirentForm {
  /** Whether the high byte of the name's length holds the type instead. */
  readonly typed: boolean
  /** Start of the checksums of this directory's blocks; absent where there are none. */
  readonly seed?: number
}

const headerBytes = 8
const tailBytes = 12
const tailType = 0xde

/** Yields the used entries of a block of a directory, `.` and `..` too. Blocks of an index look like empty ones. @throws FilesystemError `damaged` */
export function* dirents(block: Uint8Array, { typed, seed }: DirentForm, place: Place): Iterable<Dirent> {
  const raw = fields(block, 'little', 'a block of a directory', place)
  const end = block.byteLength
  const isIndex = end >= headerBytes && raw.u32(0) === 0 && entryLength(raw.u16(4), end) === end
  if (seed !== undefined && !isIndex) assertChecksum(block, seed, place)
  for (let at = 0; at + headerBytes <= end; ) {
    const inode = raw.u32(at)
    const length = entryLength(raw.u16(at + 4), end)
    const nameBytes = typed ? raw.u8(at + 6) : raw.u16(at + 6)
    if (length < headerBytes + (inode === 0 ? 0 : nameBytes) || length % 4 !== 0 || length > end - at)
      throw damaged(`a directory has an entry of ${length} bytes at ${at} of its block`, place)
    if (inode !== 0) {
      if (nameBytes === 0) throw damaged(`a directory has an entry without name at ${at} of its block`, place)
      yield { name: raw.slice(at + headerBytes, nameBytes), inode }
    }
    at += length
  }
}

/** Blocks of 64 KiB do not fit into 16 bits; their length is told by the two lowest, which are not in use. */
function entryLength(stored: number, blockBytes: number): number {
  if (blockBytes < 65_536) return stored
  if (stored === 0 || stored === 65_535) return blockBytes
  return (stored & ~3) | ((stored & 3) << 16)
}

/** A block of entries ends in one that holds its checksum. */
function assertChecksum(block: Uint8Array, seed: number, place: Place): void {
  const at = block.byteLength - tailBytes
  if (at < 0) return
  const tail = fields(block.subarray(at), 'little', 'the end of a block of a directory', place)
  if (tail.u32(0) !== 0 || tail.u16(4) !== tailBytes || tail.u8(6) !== 0 || tail.u8(7) !== tailType) return
  if (crc32c(seed, block.subarray(0, at)) !== tail.u32(8))
    throw damaged('the checksum of a block of a directory is wrong', place)
}
