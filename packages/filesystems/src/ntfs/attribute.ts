import { type Fields, fields } from '../bytes/fields.js'
import { damaged, type Place } from '../filesystem-error.js'

/** Types of attributes that are read. */
export const attributeTypes = {
  standardInformation: 0x10,
  attributeList: 0x20,
  fileName: 0x30,
  volumeName: 0x60,
  volumeInformation: 0x70,
  data: 0x80,
  indexRoot: 0x90,
  indexAllocation: 0xa0,
  reparsePoint: 0xc0,
  extendedAttributes: 0xe0,
} as const

/** An attribute, or, of one that is spread over records, a part. */
export interface Attribute {
  readonly type: number
  readonly name: string
  readonly instance: number
  readonly flags: AttributeFlags
  readonly content: ResidentContent | StoredContent
}

/** How the content of an attribute was changed before it was stored. */
export interface AttributeFlags {
  /** Method; 0 is none, 1 is LZNT1. */
  readonly compression: number
  readonly isEncrypted: boolean
}

/** Content inside the record. */
export interface ResidentContent {
  readonly kind: 'resident'
  readonly bytes: Uint8Array
}

/** Content in clusters. */
export interface StoredContent {
  readonly kind: 'stored'
  readonly firstCluster: number
  /** Cluster behind the last one of this part. */
  readonly endCluster: number
  readonly pairs: Uint8Array
  /** Clusters that are compressed together; 1 where nothing is. */
  readonly unitClusters: number
  /** Of the whole attribute, in its first part. */
  readonly sizeBytes: number
  readonly allocatedBytes: number
  /** What follows reads as zeros. */
  readonly initializedBytes: number
}

const flagBits = { compression: 0xff, encrypted: 0x4000 } as const
const utf16 = new TextDecoder('utf-16le', { ignoreBOM: true })

/** Decodes an attribute. @throws FilesystemError `damaged` */
export function decodeAttribute(bytes: Uint8Array, place: Place): Attribute {
  const at = fields(bytes, 'little', 'an attribute', place)
  const flags = at.u16(12)
  return {
    type: at.u32(0),
    name: utf16Text(at.slice(at.u16(10), at.u8(9) * 2)),
    instance: at.u16(14),
    flags: { compression: flags & flagBits.compression, isEncrypted: (flags & flagBits.encrypted) !== 0 },
    content: at.u8(8) === 0 ? resident(at) : stored(at, place),
  }
}

/** Decodes UTF-16, unpaired surrogates as they are. */
export function utf16Text(bytes: Uint8Array): string {
  const text = utf16.decode(bytes)
  if (!text.includes('\ufffd')) return text
  const at = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.byteLength >> 1 }, (_, index) =>
    String.fromCharCode(at.getUint16(index * 2, true)),
  ).join('')
}

function resident(at: Fields): ResidentContent {
  return { kind: 'resident', bytes: at.slice(at.u16(20), at.u32(16)) }
}

function stored(at: Fields, place: Place): StoredContent {
  const firstCluster = at.u64(16)
  // An attribute without clusters ends at cluster -1.
  const last = at.signed64(24)
  if (last < -1n || last >= Number.MAX_SAFE_INTEGER || Number(last) + 1 < firstCluster)
    throw damaged(`an attribute is stored in the clusters from ${firstCluster} to ${last}`, place)
  const unitBits = at.u8(34)
  if (unitBits > 16) throw damaged(`an attribute is compressed in units of 2^${unitBits} clusters`, place)
  const isFirst = firstCluster === 0
  const pairsAt = at.u16(32)
  return {
    kind: 'stored',
    firstCluster,
    endCluster: Number(last) + 1,
    pairs: at.slice(pairsAt, at.bytes.byteLength - pairsAt),
    unitClusters: 2 ** unitBits,
    allocatedBytes: isFirst ? at.u64(40) : 0,
    sizeBytes: isFirst ? at.u64(48) : 0,
    initializedBytes: isFirst ? at.u64(56) : 0,
  }
}
