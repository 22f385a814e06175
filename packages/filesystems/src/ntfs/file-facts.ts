import { fields } from '../bytes/fields.js'
import type { CallOptions, EntryType, Metadata } from '../filesystem.js'
import { type Attribute, attributeTypes } from './attribute.js'
import { attributeBytes, readAttribute } from './attribute-content.js'
import { type AttributeParts, attributeOf, attributesOf } from './attribute-set.js'
import { decodeExtendedAttributes, linuxMetadata } from './extended-attributes.js'
import { fileAttributes, isElsewhere } from './file-attributes.js'
import { decodeFileName } from './file-name.js'
import type { FileRecord, FileReference } from './file-record.js'
import { decodeReparsePoint, type ReparsePoint, reparsedType } from './reparse-point.js'
import { decodeTimes } from './times.js'
import type { NtfsVolume } from './volume.js'

/** What the records of a file say. */
export interface FileFacts {
  readonly inode: number
  readonly attributes: readonly AttributeParts[]
  readonly type: EntryType
  readonly sizeBytes: number
  readonly metadata: Metadata
  readonly reparse?: ReparsePoint
  /** A reparse point says where the content is, and an attribute that this is not here. */
  readonly isElsewhere?: true
}

/** Windows takes no larger reparse points, nor more extended attributes. */
const mostReparseBytes = 16_384
const mostExtendedBytes = 65_536
const mostInformationBytes = 4096

/** Reads what a file is. @throws FilesystemError `damaged`, `limit`, `read` */
export async function readFacts(
  volume: NtfsVolume,
  reference: FileReference,
  options: CallOptions,
): Promise<FileFacts> {
  const record = await volume.record(reference, options)
  const inode = record.number
  const attributes = await attributesOf(volume, record, options)
  const read = async (type: number, mostBytes: number) => {
    const parts = attributeOf(attributes, type)
    return parts && (await readAttribute(volume, inode, parts, mostBytes, options))
  }
  const information = await read(attributeTypes.standardInformation, mostInformationBytes)
  const at = information && fields(information, 'little', 'what a file says of itself', { inode })
  const bits = at?.u32(32) ?? 0
  const reparseBytes = await read(attributeTypes.reparsePoint, mostReparseBytes)
  const reparse = reparseBytes && decodeReparsePoint(reparseBytes, { inode })
  const extended = await read(attributeTypes.extendedAttributes, mostExtendedBytes)
  const data = attributeOf(attributes, attributeTypes.data)
  const type = (reparse && reparsedType(reparse, record.isDirectory)) ?? (record.isDirectory ? 'directory' : 'file')
  return {
    inode,
    attributes,
    type,
    sizeBytes: type === 'file' && data !== undefined ? await attributeBytes(data, options) : 0,
    metadata: {
      inode,
      links: links(record),
      ...(at && decodeTimes(at, 0)),
      attributes: fileAttributes(bits),
      ...(extended && linuxMetadata(decodeExtendedAttributes(extended, inode))),
    },
    ...(reparse && { reparse }),
    ...(reparse && isElsewhere(bits) && { isElsewhere: true }),
  }
}

/** The record counts short names too, which are no links. */
function links({ links: counted, attributes }: FileRecord): number {
  if (attributes.some(({ type }) => type === attributeTypes.attributeList)) return counted
  return attributes.filter(isLongName).length
}

function isLongName({ type, content }: Attribute): boolean {
  return type === attributeTypes.fileName && content.kind === 'resident' && !decodeFileName(content.bytes, {}).isShort
}
