import { byteAt, hasBits, hexOf, numberAt, textAt } from '../bytes.js'
import { describeAdditionalSense } from '../sense/additional-sense.js'

/** Kinds of elements. SMC-3, table 10. */
export type ElementType = 'transport' | 'storage' | 'import-export' | 'drive'

/** The label of a cartridge as the changer reads it. SMC-3, 6.12.8. */
export interface VolumeTag {
  /** The barcode, without padding. */
  readonly identifier: string
  readonly sequence: number
}

/** The name of a drive: with it an element is matched to a logical unit. SMC-3, 6.12. */
export interface ElementDeviceId {
  readonly association: number
  /** 0 vendor's own, 1 T10 vendor id, 3 NAA; as in page 83h of the drive. */
  readonly type: number
  /** The text of an ASCII or UTF-8 identifier, hexadecimal digits of a binary one. */
  readonly value: string
}

/** What a changer says of one element. SMC-3, 6.12. */
export interface Element {
  readonly type: ElementType
  readonly address: number
  readonly isFull: boolean
  /** Something is wrong with the element. */
  readonly exception: { readonly asc: number; readonly ascq: number; readonly text: string } | undefined
  /** Whether an arm can reach it now. Some changers do not set it at all. */
  readonly isAccessible: boolean
  /** Where its cartridge came from last. */
  readonly sourceAddress: number | undefined
  readonly isInverted: boolean
  readonly primaryTag: VolumeTag | undefined
  readonly alternateTag: VolumeTag | undefined
  readonly deviceId: ElementDeviceId | undefined
  /** Of a mail slot. */
  readonly importExport:
    | { readonly byOperator: boolean; readonly canExport: boolean; readonly canImport: boolean }
    | undefined
  /** Of a drive on an old parallel bus. */
  readonly bus: { readonly lun: number | undefined; readonly target: number | undefined } | undefined
  /** The answer ended within its descriptor: what is missing here may exist. */
  readonly isCut: boolean
}

/** Which parts the descriptors of a page have. */
export interface DescriptorParts {
  readonly type: ElementType
  readonly hasPrimaryTag: boolean
  readonly hasAlternateTag: boolean
  /** Length of a whole descriptor. */
  readonly lengthBytes: number
}

const tagBytes = 36
const tagTextBytes = 32

/** Reads one element descriptor of at least 12 bytes. */
export function decodeElement(bytes: Uint8Array, parts: DescriptorParts): Element {
  const { type, hasPrimaryTag, hasAlternateTag, lengthBytes } = parts
  const alternateAt = 12 + (hasPrimaryTag ? tagBytes : 0)
  const [asc, ascq] = [byteAt(bytes, 4), byteAt(bytes, 5)]
  const isDrive = type === 'drive'
  return {
    type,
    address: numberAt(bytes, 0, 2),
    isFull: hasBits(bytes, 2, 0x01),
    exception: hasBits(bytes, 2, 0x04) ? { asc, ascq, text: describeAdditionalSense(asc, ascq) } : undefined,
    isAccessible: hasBits(bytes, 2, 0x08),
    sourceAddress: hasBits(bytes, 9, 0x80) ? numberAt(bytes, 10, 2) : undefined,
    isInverted: hasBits(bytes, 9, 0x40),
    primaryTag: hasPrimaryTag ? decodeTag(bytes, 12) : undefined,
    alternateTag: hasAlternateTag ? decodeTag(bytes, alternateAt) : undefined,
    deviceId: decodeDeviceId(bytes, alternateAt + (hasAlternateTag ? tagBytes : 0)),
    importExport: type === 'import-export' ? importExportOf(bytes) : undefined,
    bus: isDrive && (byteAt(bytes, 6) & 0x30) !== 0 ? busOf(bytes) : undefined,
    isCut: bytes.length < lengthBytes,
  }
}

function importExportOf(bytes: Uint8Array): Element['importExport'] {
  return {
    byOperator: hasBits(bytes, 2, 0x02),
    canExport: hasBits(bytes, 2, 0x10),
    canImport: hasBits(bytes, 2, 0x20),
  }
}

function busOf(bytes: Uint8Array): Element['bus'] {
  return {
    lun: hasBits(bytes, 6, 0x10) ? byteAt(bytes, 6) & 0x07 : undefined,
    target: hasBits(bytes, 6, 0x20) ? byteAt(bytes, 7) : undefined,
  }
}

function decodeTag(bytes: Uint8Array, at: number): VolumeTag | undefined {
  if (bytes.length < at + tagTextBytes) return
  const identifier = textAt(bytes, at, tagTextBytes)
  return identifier === '' ? undefined : { identifier, sequence: numberAt(bytes, at + 34, 2) }
}

function decodeDeviceId(bytes: Uint8Array, at: number): ElementDeviceId | undefined {
  const length = byteAt(bytes, at + 3)
  // One that is cut off would be matched to the wrong drive.
  if (length === 0 || bytes.length < at + 4 + length) return
  const isText = (byteAt(bytes, at) & 0xf) >= 2
  return {
    association: (byteAt(bytes, at + 1) >> 4) & 3,
    type: byteAt(bytes, at + 1) & 0xf,
    value: isText ? textAt(bytes, at + 4, length) : hexOf(bytes.subarray(at + 4, at + 4 + length)),
  }
}
