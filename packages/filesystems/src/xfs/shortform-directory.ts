import { fields } from '../bytes/fields.js'
import { damaged } from '../filesystem-error.js'
import { type DirectoryRecord, directoryRecord } from './directory-record.js'

/** Decodes a directory that lies in its inode (xfs_dir2_sf_hdr); it does not list `.` and `..`. @throws FilesystemError `damaged` */
export function* shortformRecords(
  bytes: Uint8Array,
  { inode, hasFileTypes }: { readonly inode: number; readonly hasFileTypes: boolean },
): Generator<DirectoryRecord, void, undefined> {
  const at = fields(bytes, 'big', `directory ${inode}`, { inode })
  const hasLongNumbers = at.u8(1) > 0
  const numberBytes = hasLongNumbers ? 8 : 4
  const count = at.u8(0) === 0 && hasLongNumbers ? at.u8(1) : at.u8(0)
  let next = 2 + numberBytes
  for (let index = 0; index < count; index++) {
    const length = at.u8(next)
    if (length === 0) throw damaged(`directory ${inode} has an empty name`, { inode })
    // Behind the length stand two bytes for the place that the entry would have in a block.
    const name = at.slice(next + 3, length)
    next += 3 + length
    // A byte that says what the entry is follows; the inode says it too.
    if (hasFileTypes) next += 1
    yield directoryRecord(name, hasLongNumbers ? at.u64(next) : at.u32(next))
    next += numberBytes
  }
}
