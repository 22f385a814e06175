import { fields } from '../bytes/fields.js'
import { damaged } from '../filesystem-error.js'
import { utf16Text } from './attribute.js'
import { decodeReference, type FileReference } from './file-record.js'

/** A line of the list of attributes that a file has when one record does not hold them all. */
export interface AttributeListEntry {
  readonly type: number
  readonly name: string
  readonly firstCluster: number
  /** The record that holds it. */
  readonly record: FileReference
  readonly instance: number
}

const entryBytes = 26

/** Decodes the list of attributes of file `inode`. @throws FilesystemError `damaged` */
export function decodeAttributeList(bytes: Uint8Array, inode: number): readonly AttributeListEntry[] {
  const at = fields(bytes, 'little', 'a list of attributes', { inode })
  const found: AttributeListEntry[] = []
  for (let next = 0; next < bytes.byteLength; ) {
    const length = at.u16(next + 4)
    if (length < entryBytes) throw damaged(`a list of attributes has an entry of ${length} bytes`, { inode })
    const entry = fields(at.slice(next, length), 'little', 'an entry of a list of attributes', { inode })
    found.push({
      type: entry.u32(0),
      name: utf16Text(entry.slice(entry.u8(7), entry.u8(6) * 2)),
      firstCluster: entry.u64(8),
      record: decodeReference(entry.bytes, 16),
      instance: entry.u16(24),
    })
    next += length
  }
  return found
}
