import { Buffer } from 'node:buffer'
import { fields } from '../bytes/fields.js'
import { ImageError } from '../image/image-error.js'
import { checksumAt, structureChecksum } from './crc32c.js'
import { guidBytes, writeGuid, zeroGuid } from './guid.js'
import {
  fileParameterFlags,
  fileType,
  headers,
  mebibyte,
  metadataIds,
  metadataTable,
  parentLocator,
  regionIds,
  regionTables,
} from './layout.js'
import type { CheckedOptions, VhdxParent } from './writer-options.js'

/** Where a new file has what: in this order, each part in whole mebibytes. */
export const newFile = {
  log: { offset: mebibyte, length: mebibyte },
  metadata: { offset: 2 * mebibyte, length: mebibyte },
  bat: { offset: 3 * mebibyte },
} as const

/** Encodes the file type identifier (2.2.1). */
export function encodeFileType(creator: string): Uint8Array {
  const bytes = new Uint8Array(fileType.creatorAt + fileType.creatorBytes)
  fields(bytes, 'little', '').set64(0, fileType.signature)
  bytes.set(Buffer.from(creator, 'utf16le').subarray(0, fileType.creatorBytes), fileType.creatorAt)
  return bytes
}

/** Encodes a header (2.2.2) of a file whose log is empty. */
export function encodeHeader({ fileWriteId, dataWriteId }: CheckedOptions, sequence: number): Uint8Array {
  const bytes = new Uint8Array(headers.bytes)
  const header = fields(bytes, 'little', '')
  header.set32(0, headers.signature)
  header.set64(8, sequence)
  writeGuid(bytes, 16, fileWriteId)
  writeGuid(bytes, 32, dataWriteId)
  writeGuid(bytes, 48, zeroGuid)
  header.set16(64, headers.logVersion)
  header.set16(66, headers.version)
  header.set32(68, newFile.log.length)
  header.set64(72, newFile.log.offset)
  header.set32(checksumAt, structureChecksum(bytes))
  return bytes
}

/** Encodes the region table (2.2.3). */
export function encodeRegionTable(batBytes: number): Uint8Array {
  const bytes = new Uint8Array(regionTables.bytes)
  const table = fields(bytes, 'little', '')
  const regions = [
    { id: regionIds.bat, offset: newFile.bat.offset, length: batBytes },
    { id: regionIds.metadata, ...newFile.metadata },
  ]
  table.set32(0, regionTables.signature)
  table.set32(8, regions.length)
  for (const [index, { id, offset, length }] of regions.entries()) {
    const at = regionTables.headerBytes + index * regionTables.entryBytes
    writeGuid(bytes, at, id)
    table.set64(at + 16, offset)
    table.set32(at + 24, length)
    table.set32(at + 28, 1)
  }
  table.set32(checksumAt, structureChecksum(bytes))
  return bytes
}

/** Encodes the metadata table and its items (2.6), which follow each other right behind it. */
export function encodeMetadata(options: CheckedOptions): Uint8Array {
  const { virtualDisk, required } = metadataTable.flags
  const items = [
    { id: metadataIds.fileParameters, flags: required, bytes: encodeFileParameters(options) },
    { id: metadataIds.virtualDiskSize, flags: required | virtualDisk, bytes: number64(options.sizeBytes) },
    { id: metadataIds.virtualDiskId, flags: required | virtualDisk, bytes: guid(options.virtualDiskId) },
    { id: metadataIds.logicalSectorSize, flags: required | virtualDisk, bytes: number32(options.sectorBytes) },
    { id: metadataIds.physicalSectorSize, flags: required | virtualDisk, bytes: number32(options.physicalSectorBytes) },
    ...(options.parent === undefined
      ? []
      : [{ id: metadataIds.parentLocator, flags: required, bytes: encodeParentLocator(options.parent) }]),
  ]
  const bytes = new Uint8Array(metadataTable.bytes + items.reduce((sum, item) => sum + item.bytes.byteLength, 0))
  const table = fields(bytes, 'little', '')
  table.set64(0, metadataTable.signature)
  table.set16(10, items.length)
  let offset: number = metadataTable.bytes
  for (const [index, item] of items.entries()) {
    const at = metadataTable.headerBytes + index * metadataTable.entryBytes
    writeGuid(bytes, at, item.id)
    table.set32(at + 16, offset)
    table.set32(at + 20, item.bytes.byteLength)
    table.set32(at + 24, item.flags)
    bytes.set(item.bytes, offset)
    offset += item.bytes.byteLength
  }
  return bytes
}

function encodeFileParameters({ variant, blockBytes }: CheckedOptions): Uint8Array {
  const flags = {
    fixed: fileParameterFlags.leaveBlocksAllocated,
    dynamic: 0,
    differencing: fileParameterFlags.hasParent,
  } as const
  const bytes = new Uint8Array(8)
  const parameters = fields(bytes, 'little', '')
  parameters.set32(0, blockBytes)
  parameters.set32(4, flags[variant])
  return bytes
}

/** Longest text of which the length fits its field of 16 bits. */
const longestTextBytes = 65_534

/** Encodes the parent locator (2.6.2.6): keys and values lie behind the entries that lead to them. */
function encodeParentLocator({ identity, relativePath, volumePath, absolutePath }: VhdxParent): Uint8Array {
  const { keys, headerBytes, entryBytes } = parentLocator
  const texts = [
    [keys.linkage, `{${identity}}`],
    [keys.relativePath, relativePath],
    [keys.volumePath, volumePath],
    [keys.absolutePath, absolutePath],
  ].flatMap(([key = '', value]) =>
    value === undefined ? [] : [{ key: Buffer.from(key, 'utf16le'), value: Buffer.from(value, 'utf16le') }],
  )
  if (texts.some(({ value }) => value.byteLength > longestTextBytes))
    throw new ImageError('limit', `A path of a VHDX file's parent takes at most ${longestTextBytes} bytes in UTF-16`)
  const textsAt = headerBytes + texts.length * entryBytes
  const bytes = new Uint8Array(texts.reduce((sum, { key, value }) => sum + key.byteLength + value.byteLength, textsAt))
  const locator = fields(bytes, 'little', '')
  writeGuid(bytes, 0, parentLocator.type)
  locator.set16(18, texts.length)
  let offset = textsAt
  for (const [index, { key, value }] of texts.entries()) {
    const at = headerBytes + index * entryBytes
    locator.set32(at, offset)
    locator.set32(at + 4, offset + key.byteLength)
    locator.set16(at + 8, key.byteLength)
    locator.set16(at + 10, value.byteLength)
    bytes.set(key, offset)
    bytes.set(value, offset + key.byteLength)
    offset += key.byteLength + value.byteLength
  }
  return bytes
}

function number32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  fields(bytes, 'little', '').set32(0, value)
  return bytes
}

function number64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  fields(bytes, 'little', '').set64(0, value)
  return bytes
}

function guid(text: string): Uint8Array {
  const bytes = new Uint8Array(guidBytes)
  writeGuid(bytes, 0, text)
  return bytes
}
