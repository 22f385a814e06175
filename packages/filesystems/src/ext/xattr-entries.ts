import { fields } from '../bytes/fields.js'
import { damaged, type Place } from '../filesystem-error.js'

/** An extended attribute as it is stored. */
export interface StoredAttribute {
  /** Which prefix the name has. */
  readonly index: number
  /** Name without its prefix. */
  readonly name: Uint8Array
  /** Where the value is, in the bytes that hold the entries. */
  readonly value: Uint8Array
  /** Inode that holds the value instead; 0 for none. */
  readonly valueInode: number
  readonly valueBytes: number
}

const entryHeaderBytes = 16

/**
 * Reads the entries of extended attributes from `start` on.
 *
 * @param space What values are within; their offsets count from its beginning.
 * @throws FilesystemError `damaged`
 */
export function* attributeEntries(space: Uint8Array, start: number, place: Place): Iterable<StoredAttribute> {
  const raw = fields(space, 'little', 'the extended attributes', place)
  // Four bytes of zeros end the entries; the space may end instead.
  for (let at = start; at + 4 <= space.byteLength && raw.u32(at) !== 0; ) {
    const nameBytes = raw.u8(at)
    const valueAt = raw.u16(at + 2)
    const valueInode = raw.u32(at + 4)
    const valueBytes = raw.u32(at + 8)
    if (valueInode === 0 && valueBytes > 0 && valueAt + valueBytes > space.byteLength)
      throw damaged('an extended attribute has a value outside of its block', place)
    yield {
      index: raw.u8(at + 1),
      name: raw.slice(at + entryHeaderBytes, nameBytes),
      value: valueInode === 0 && valueBytes > 0 ? raw.slice(valueAt, valueBytes) : new Uint8Array(0),
      valueInode,
      valueBytes,
    }
    at += (entryHeaderBytes + nameBytes + 3) & ~3
  }
}
