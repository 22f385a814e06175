import { fields } from '../bytes/fields.js'
import { damaged, type Place } from '../filesystem-error.js'
import { type Attribute, decodeAttribute } from './attribute.js'
import { applyFixups } from './fixups.js'

/** A record of the master file table: a file, or what did not fit into the record of one. */
export interface FileRecord {
  readonly number: number
  readonly sequence: number
  readonly isInUse: boolean
  readonly isDirectory: boolean
  readonly links: number
  /** The record that this one continues; its number is 0 in that itself. */
  readonly base: FileReference
  readonly attributes: readonly Attribute[]
}

/** Number of a record, and how often it had been used when the reference was made. */
export interface FileReference {
  readonly number: number
  readonly sequence: number
}

const magic = 0x454c_4946
const flags = { inUse: 0x1, directory: 0x2 } as const
const endOfAttributes = 0xffff_ffff
const headerBytes = 42

/** Decodes a record; its bytes are changed and kept. @throws FilesystemError `damaged` */
export function decodeFileRecord(bytes: Uint8Array, number: number, offset?: number): FileRecord {
  const what = `file record ${number}`
  const place: Place = { inode: number, ...(offset !== undefined && { offset }) }
  const at = fields(bytes, 'little', what, place)
  if (at.u32(0) !== magic) throw damaged(`${what} is none`, place)
  applyFixups(bytes, what, place)
  const used = at.u32(24)
  if (used > bytes.byteLength || used < headerBytes) throw damaged(`${what} claims ${used} bytes`, place)
  const recordFlags = at.u16(22)
  return {
    number,
    sequence: at.u16(16),
    isInUse: (recordFlags & flags.inUse) !== 0,
    isDirectory: (recordFlags & flags.directory) !== 0,
    links: at.u16(18),
    base: decodeReference(bytes, 32),
    attributes: decodeAttributes(bytes.subarray(0, used), at.u16(20), what, place),
  }
}

/** Decodes a reference at a byte that is known to be there. */
export function decodeReference(bytes: Uint8Array, at: number): FileReference {
  const stored = fields(bytes, 'little', 'a reference to a file')
  return { number: stored.u32(at) + stored.u16(at + 4) * 2 ** 32, sequence: stored.u16(at + 6) }
}

function decodeAttributes(bytes: Uint8Array, start: number, what: string, place: Place): readonly Attribute[] {
  const at = fields(bytes, 'little', what, place)
  const found: Attribute[] = []
  for (let next = start; at.u32(next) !== endOfAttributes; ) {
    const length = at.u32(next + 4)
    if (length < 16 || length % 8 !== 0) throw damaged(`${what} has an attribute of ${length} bytes`, place)
    found.push(decodeAttribute(at.slice(next, length), place))
    next += length
  }
  return found
}
