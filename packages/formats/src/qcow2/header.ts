import type { NamedSource } from '../bytes/byte-source.js'
import { type Fields, fields } from '../bytes/fields.js'
import { assertWithin, readPart } from '../bytes/read-part.js'
import { corrupt, ImageError } from '../image/image-error.js'
import { type Features, parseFeatures } from './features.js'
import { clusterBitsLimit, type Geometry, geometry } from './geometry.js'
import { type HeaderExtensions, parseHeaderExtensions } from './header-extensions.js'
import {
  compressionType,
  headerBytes,
  headerField,
  l1EntryBytes,
  limits,
  magic,
  refcountOrderLimit,
  snapshotEntryBytes,
  v2RefcountOrder,
} from './header-layout.js'
import { text } from './text.js'

/** A qcow2 header, checked against itself and the size of its file (spec: Header). */
export interface Qcow2Header {
  readonly version: 2 | 3
  readonly sizeBytes: number
  readonly geometry: Geometry
  readonly features: Features
  readonly extensions: HeaderExtensions
  readonly compression: 'zlib' | 'zstd'
  readonly refcountBits: number
  /** Name of the backing file. */
  readonly backingName?: string
  readonly l1: { readonly offset: number; readonly entries: number }
  readonly refcountTable: { readonly offset: number; readonly length: number }
  readonly snapshots: { readonly offset: number; readonly count: number }
}

/** Reads the header of an image. @throws ImageError `corrupt`, `unsupported`, `encrypted`, `limit` */
export async function readHeader(file: NamedSource): Promise<Qcow2Header> {
  const { name, source } = file
  const start = fields(await readPart(file, 0, headerBytes.v2, 'the header'), 'big', name)
  if (start.u32(headerField.magic) !== magic)
    throw new ImageError('unknown-format', `${name} does not begin as a qcow2 image does`, { file: name })
  const version = parseVersion(start.u32(headerField.version), name)
  const clusterBits = start.u32(headerField.clusterBits)
  if (clusterBits < clusterBitsLimit.least || clusterBits > clusterBitsLimit.most)
    throw corrupt(`the header claims clusters of 2^${clusterBits} bytes`, name, headerField.clusterBits)

  const firstCluster = Math.min(2 ** clusterBits, source.sizeBytes)
  const header = fields(await readPart(file, 0, firstCluster, 'the first cluster'), 'big', name)
  const headerLength = version === 2 ? headerBytes.v2 : parseHeaderLength(header, firstCluster, name)
  const backing = parseBacking(header, firstCluster, name)
  const extensions = parseHeaderExtensions(header, headerLength, backing?.offset ?? firstCluster, name)
  const features = parseFeatures(featureBits(header, version), extensions, name)
  assertPlain(header.u32(headerField.cryptMethod), name)

  const sizes = geometry(clusterBits, features.extendedL2, name)
  const { clusterBytes } = sizes
  const sizeBytes = header.u64(headerField.size)
  const refcountOrder = version === 2 ? v2RefcountOrder : header.u32(headerField.refcountOrder)
  if (refcountOrder > refcountOrderLimit)
    throw corrupt(`the header claims refcounts of 2^${refcountOrder} bits`, name, headerField.refcountOrder)
  const l1 = { offset: header.u64(headerField.l1Offset), entries: header.u32(headerField.l1Entries) }
  assertL1(l1, sizeBytes, sizes, file)
  const refcountTable = {
    offset: header.u64(headerField.refcountTableOffset),
    length: header.u32(headerField.refcountTableClusters) * clusterBytes,
  }
  assertTable({ ...refcountTable, limit: limits.refcountTableBytes, what: 'the refcount table' }, clusterBytes, file)
  const snapshots = { offset: header.u64(headerField.snapshotsOffset), count: header.u32(headerField.snapshotCount) }
  assertSnapshots(snapshots, features, clusterBytes, file)
  return {
    version,
    sizeBytes,
    geometry: sizes,
    features,
    extensions,
    compression: parseCompression(header, headerLength, features, name),
    refcountBits: 2 ** refcountOrder,
    ...(backing !== undefined && { backingName: backing.name }),
    l1,
    refcountTable,
    snapshots,
  }
}

function parseVersion(version: number, file: string): 2 | 3 {
  if (version === 2 || version === 3) return version
  throw new ImageError('unsupported', `The image has version ${version} of its format; 2 and 3 are read.`, {
    file,
    offset: headerField.version,
    hint: version === 1 ? 'Convert it: qemu-img convert -f qcow -O qcow2.' : 'A newer program may be needed.',
  })
}

function parseHeaderLength(header: Fields, firstCluster: number, file: string): number {
  const length = header.u32(headerField.headerLength)
  if (length >= headerBytes.v3 && length <= firstCluster && length % 8 === 0) return length
  throw corrupt(`the header claims to be ${length} bytes long`, file, headerField.headerLength)
}

function parseBacking(
  header: Fields,
  firstCluster: number,
  file: string,
): { readonly offset: number; readonly name: string } | undefined {
  const offset = header.u64(headerField.backingOffset)
  if (offset === 0) return undefined
  const length = header.u32(headerField.backingLength)
  if (length > limits.backingNameBytes || offset > firstCluster || length > firstCluster - offset)
    throw corrupt(
      `the name of the backing file, ${length} bytes at ${offset}, is not in the first cluster or too long`,
      file,
      headerField.backingOffset,
    )
  const name = text(header.bytes.subarray(offset, offset + length))
  return name === '' ? undefined : { offset, name }
}

function featureBits(header: Fields, version: 2 | 3) {
  if (version === 2) return { incompatible: 0n, compatible: 0n, autoclear: 0n }
  return {
    incompatible: header.bits64(headerField.incompatible),
    compatible: header.bits64(headerField.compatible),
    autoclear: header.bits64(headerField.autoclear),
  }
}

function assertPlain(cryptMethod: number, file: string): void {
  if (cryptMethod === 0) return
  const method = ['', 'AES', 'LUKS'][cryptMethod]
  if (method === undefined)
    throw corrupt(`the header claims encryption of method ${cryptMethod}`, file, headerField.cryptMethod)
  throw new ImageError('encrypted', `The disk in the image is encrypted with ${method}.`, {
    file,
    offset: headerField.cryptMethod,
    hint: 'Decrypt it with its key first (qemu-img convert with an encrypt.key-secret), or back up the file as it is.',
  })
}

/** Spec: Header, compression_type. The field and its feature bit must agree. */
function parseCompression(
  header: Fields,
  headerLength: number,
  features: Features,
  file: string,
): Qcow2Header['compression'] {
  const type = headerLength > headerField.compressionType ? header.u8(headerField.compressionType) : 0
  if ((type !== compressionType.zlib) !== features.compressionType)
    throw corrupt(
      `compression of type ${type} does not fit the feature bit that tells of it`,
      file,
      headerField.compressionType,
    )
  if (type === compressionType.zlib) return 'zlib'
  if (type === compressionType.zstd) return 'zstd'
  throw new ImageError('unsupported', `Clusters are compressed in a way that is not known: type ${type}.`, {
    file,
    offset: headerField.compressionType,
    hint: 'Convert it with the program that made it: qemu-img convert -O qcow2.',
  })
}

interface ClaimedTable {
  readonly offset: number
  readonly length: number
  readonly limit: number
  readonly what: string
}

function assertTable(
  { offset, length, limit, what }: ClaimedTable,
  clusterBytes: number,
  { name, source }: NamedSource,
): void {
  if (length > limit)
    throw new ImageError('limit', `${what} has ${length} bytes, more than the ${limit} that qcow2 programs take.`, {
      file: name,
      offset,
    })
  if (offset % clusterBytes !== 0)
    throw corrupt(`${what} at ${offset} does not begin with a cluster of ${clusterBytes}`, name, offset)
  if (length > 0) assertWithin(offset, length, { name, source }, what)
}

function assertL1(
  { offset, entries }: Qcow2Header['l1'],
  sizeBytes: number,
  { l1SpanBytes, clusterBytes }: Geometry,
  file: NamedSource,
): void {
  const table = { offset, length: entries * l1EntryBytes, limit: limits.l1Bytes, what: 'the L1 table' }
  assertTable(table, clusterBytes, file)
  if (entries >= sizeBytes / l1SpanBytes) return
  throw corrupt(
    `the L1 table of ${entries} entries is too short for a disk of ${sizeBytes} bytes`,
    file.name,
    headerField.l1Entries,
  )
}

function assertSnapshots(
  { offset, count }: Qcow2Header['snapshots'],
  { dataFile }: Features,
  clusterBytes: number,
  file: NamedSource,
): void {
  if (count === 0) return
  if (dataFile) throw corrupt('an image with an external data file has snapshots', file.name, headerField.snapshotCount)
  const limit = limits.snapshots * snapshotEntryBytes
  assertTable({ offset, length: count * snapshotEntryBytes, limit, what: 'the snapshot table' }, clusterBytes, file)
}
