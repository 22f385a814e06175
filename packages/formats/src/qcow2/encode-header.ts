import { Buffer } from 'node:buffer'
import { type Fields, fields } from '../bytes/fields.js'
import { ImageError } from '../image/image-error.js'
import { compressionTypeBit, knownFeatures } from './features.js'
import { qemuFormat } from './file-names.js'
import { extensionType } from './header-extensions.js'
import { compressionType, headerBytes, headerField, limits, magic, v2RefcountOrder } from './header-layout.js'
import type { Qcow2WriterOptions, WriterGeometry } from './writer-options.js'

/** Where the parts of a new image are. */
export interface ImagePlaces {
  readonly l1Offset: number
  readonly refcountTable: { readonly offset: number; readonly clusters: number }
}

const featureNameBytes = 48
const extensionPrefixBytes = 8
const endBytes = 8

/** Encodes the first cluster: header, extensions, and the name of the backing file after them. */
export function encodeHeader(
  { sizeBytes, backing, compression }: Qcow2WriterOptions,
  { clusterBits, clusterBytes, l1Entries }: WriterGeometry,
  { l1Offset, refcountTable }: ImagePlaces,
): Uint8Array {
  const isZstd = compression?.method === 'zstd'
  const headerLength = isZstd ? headerBytes.v3Compression : headerBytes.v3
  const header = fields(new Uint8Array(clusterBytes), 'big', 'the new image')
  const backingName = Buffer.from(backing?.name ?? '')
  const format = backing === undefined ? undefined : Buffer.from(qemuFormat(backing.format))
  const needed = headerLength + extensionBytes(format?.byteLength) + endBytes + backingName.byteLength
  if (backingName.byteLength > limits.backingNameBytes || needed > clusterBytes)
    throw new ImageError('limit', `The name of the backing file, ${backingName.byteLength} bytes long, is too long.`, {
      hint: 'Use a shorter or relative name, or larger clusters.',
    })

  header.set32(headerField.magic, magic)
  header.set32(headerField.version, 3)
  header.set32(headerField.clusterBits, clusterBits)
  header.set64(headerField.size, sizeBytes)
  header.set32(headerField.l1Entries, l1Entries)
  header.set64(headerField.l1Offset, l1Offset)
  header.set64(headerField.refcountTableOffset, refcountTable.offset)
  header.set32(headerField.refcountTableClusters, refcountTable.clusters)
  if (isZstd) {
    header.set64(headerField.incompatible, 1n << BigInt(compressionTypeBit))
    header.bytes[headerField.compressionType] = compressionType.zstd
  }
  header.set32(headerField.refcountOrder, v2RefcountOrder)
  header.set32(headerField.headerLength, headerLength)

  let at: number = headerLength
  if (format !== undefined) at = putExtension(header, at, extensionType.backingFormat, format)
  // It only helps others to name features that they do not know; the smallest clusters have no room for it.
  const names = featureNames()
  if (at + extensionBytes(names.byteLength) + endBytes + backingName.byteLength <= clusterBytes)
    at = putExtension(header, at, extensionType.featureNames, names)
  at += endBytes
  if (backing !== undefined) {
    header.set64(headerField.backingOffset, at)
    header.set32(headerField.backingLength, backingName.byteLength)
    header.bytes.set(backingName, at)
  }
  return header.bytes
}

/** Bytes of an extension with `length` bytes of data (spec: Header extensions); none without data. */
function extensionBytes(length: number | undefined): number {
  return length === undefined ? 0 : extensionPrefixBytes + Math.ceil(length / 8) * 8
}

function putExtension(header: Fields, at: number, type: number, data: Uint8Array): number {
  header.set32(at, type)
  header.set32(at + 4, data.byteLength)
  header.bytes.set(data, at + extensionPrefixBytes)
  return at + extensionBytes(data.byteLength)
}

/** Spec: Feature name table. */
function featureNames(): Uint8Array {
  const table = Buffer.alloc(knownFeatures.length * featureNameBytes)
  for (const [index, { type, bit, name }] of knownFeatures.entries()) {
    const at = index * featureNameBytes
    table[at] = type
    table[at + 1] = bit
    table.write(name, at + 2)
  }
  return table
}
