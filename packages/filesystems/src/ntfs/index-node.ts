import { fields } from '../bytes/fields.js'
import { damaged, type Place } from '../filesystem-error.js'
import { decodeFileName, type FileName } from './file-name.js'
import { decodeReference, type FileReference } from './file-record.js'

/** An entry of a node of the index of a directory. */
export interface IndexEntry {
  /** Absent in the last entry of a node, which only leads to what comes behind the others. */
  readonly file?: { readonly reference: FileReference; readonly fileName: FileName }
  /** The node with what comes before this entry. */
  readonly below?: number
}

const flags = { hasNode: 0x1, isLast: 0x2 } as const
const keyAt = 16
const nodeBytes = 8

/** Decodes the entries of a node; `header` is where its header is. @throws FilesystemError `damaged` */
export function* nodeEntries(bytes: Uint8Array, header: number, place: Place): Generator<IndexEntry, void, undefined> {
  const what = 'a node of a directory'
  const at = fields(bytes, 'little', what, place)
  const end = header + at.u32(header + 4)
  if (end > bytes.byteLength) throw damaged(`${what} claims more entries than it has room for`, place)
  for (let next = header + at.u32(header); next < end; ) {
    const length = at.u16(next + 8)
    const keyLength = at.u16(next + 10)
    const entryFlags = at.u16(next + 12)
    const hasNode = (entryFlags & flags.hasNode) !== 0
    const isLast = (entryFlags & flags.isLast) !== 0
    if (
      length % 8 !== 0 ||
      keyAt + (isLast ? 0 : keyLength) + (hasNode ? nodeBytes : 0) > length ||
      next + length > end
    )
      throw damaged(`${what} has an entry of ${length} bytes`, place)
    const below = hasNode ? { below: at.u64(next + length - nodeBytes) } : {}
    if (isLast) {
      yield below
      return
    }
    const reference = decodeReference(bytes, next)
    yield { ...below, file: { reference, fileName: decodeFileName(at.slice(next + keyAt, keyLength), place) } }
    next += length
  }
  throw damaged(`${what} has no end`, place)
}
