import { type Fields, fields } from '../bytes/fields.js'
import { damaged, type Place } from '../filesystem-error.js'
import { type AttributeRecord, attributeName, isListed, isLocal } from './attribute-record.js'

/** Where a leaf has its fields; the block that a node of names begins with comes before. */
const layouts = {
  4: { magic: 0xfbee, header: 32, counts: 12 },
  5: { magic: 0x3bee, header: 80, counts: 56 },
} as const
const magicAt = 8
const entryBytes = 8

/** Tells whether a block of an attribute fork is a leaf. */
export function isAttributeLeaf(at: Fields, version: 4 | 5): boolean {
  return at.u16(magicAt) === layouts[version].magic
}

/** Decodes a leaf (xfs_attr_leafblock). @throws FilesystemError `damaged` */
export function* leafAttributes(
  bytes: Uint8Array,
  version: 4 | 5,
  place: Place,
): Generator<AttributeRecord, void, undefined> {
  const at = fields(bytes, 'big', 'a block of extended attributes', place)
  const { header, counts } = layouts[version]
  const count = at.u16(counts)
  if (header + count * entryBytes > bytes.byteLength)
    throw damaged(`a block of extended attributes claims ${count} of them`, place)
  for (let index = 0; index < count; index++) {
    const entry = header + index * entryBytes
    const flag = at.u8(entry + 6)
    if (!isListed(flag)) continue
    yield isLocal(flag) ? localAttribute(at, at.u16(entry + 4), flag) : remoteAttribute(at, at.u16(entry + 4), flag)
  }
}

/** Decodes attributes that lie in the inode (xfs_attr_shortform). @throws FilesystemError `damaged` */
export function* shortformAttributes(bytes: Uint8Array, place: Place): Generator<AttributeRecord, void, undefined> {
  const at = fields(bytes, 'big', 'a list of extended attributes', place)
  const count = at.u8(2)
  let next = 4
  for (let index = 0; index < count; index++) {
    const nameLength = at.u8(next)
    const valueLength = at.u8(next + 1)
    const flag = at.u8(next + 2)
    const name = at.slice(next + 3, nameLength)
    const value = at.slice(next + 3 + nameLength, valueLength)
    next += 3 + nameLength + valueLength
    if (isListed(flag)) yield { name: attributeName(name, flag), value }
  }
}

function localAttribute(at: Fields, entry: number, flag: number): AttributeRecord {
  const valueLength = at.u16(entry)
  const nameLength = at.u8(entry + 2)
  const name = attributeName(at.slice(entry + 3, nameLength), flag)
  return { name, value: at.slice(entry + 3 + nameLength, valueLength) }
}

function remoteAttribute(at: Fields, entry: number, flag: number): AttributeRecord {
  const name = attributeName(at.slice(entry + 9, at.u8(entry + 8)), flag)
  return { name, value: { block: at.u32(entry), length: at.u32(entry + 4) } }
}
