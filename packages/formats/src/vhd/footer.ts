import { Buffer } from 'node:buffer'
import { fields } from '../bytes/fields.js'
import { corrupt, ImageError } from '../image/image-error.js'
import type { Geometry } from './geometry.js'
import { checksumOf, footerBytes } from './layout.js'
import { fromTimestamp, toTimestamp } from './timestamp.js'
import { uuidBytes, uuidText } from './uuid.js'

/** Kinds of disk that the footer can state. */
export type VhdVariant = 'fixed' | 'dynamic' | 'differencing'

/** What the footer says (Hard Disk Footer Format). */
export interface VhdFooter {
  readonly variant: VhdVariant
  /** Where the header of a dynamic or differencing disk is; all bits set in a fixed one. */
  readonly headerAt: bigint
  readonly createdAt: Date
  /** Four characters, padding included: `win `, `vpc `, `qemu`. */
  readonly creatorApplication: string
  /** Major version in the upper half. */
  readonly creatorVersion: number
  readonly creatorHostOs: string
  readonly originalSizeBytes: number
  readonly currentSizeBytes: number
  readonly geometry: Geometry
  readonly uniqueId: string
  readonly isTemporary: boolean
  /** Whether a virtual machine was saved while it used the disk. */
  readonly hasSavedState: boolean
}

export const cookie = Buffer.from('conectix')

const at = {
  cookie: 0,
  features: 8,
  formatVersion: 12,
  dataOffset: 16,
  timestamp: 24,
  creatorApplication: 28,
  creatorVersion: 32,
  creatorHostOs: 36,
  originalSize: 40,
  currentSize: 48,
  cylinders: 56,
  heads: 58,
  sectorsPerTrack: 59,
  diskType: 60,
  checksum: 64,
  uniqueId: 68,
  savedState: 84,
} as const

const feature = { temporary: 1, reserved: 2 } as const
/** Major version in the upper half. */
const formatVersion = 0x0001_0000
const diskTypes: Readonly<Record<VhdVariant, number>> = { fixed: 2, dynamic: 3, differencing: 4 }

/** Says what makes 512 bytes no footer, if anything does. */
export function footerDamage(bytes: Uint8Array, file: string): string | undefined {
  if (cookie.compare(bytes, 0, cookie.byteLength) !== 0) return 'has no cookie "conectix"'
  const [stated, right] = [fields(bytes, 'big', file).u32(at.checksum), checksumOf(bytes, at.checksum)]
  return stated === right ? undefined : `has the checksum ${stated} where its bytes add up to ${right}`
}

/** Reads a footer whose checksum is right; `offset` is where it is. @throws ImageError `corrupt`, `unsupported` */
export function parseFooter(bytes: Uint8Array, file: string, offset: number): VhdFooter {
  const footer = fields(bytes, 'big', file)
  const version = footer.u32(at.formatVersion)
  if (version >>> 16 !== formatVersion >>> 16)
    throw refused(`Its footer is of version ${version >>> 16}.${version & 0xffff}; version 1 is known`, file, offset)
  const features = footer.u32(at.features)
  if ((features & ~(feature.temporary | feature.reserved)) !== 0)
    throw refused(
      `Its footer asks for features ${features.toString(16)} (hexadecimal), not all of them known`,
      file,
      offset,
    )
  return {
    variant: variantOf(footer.u32(at.diskType), file, offset),
    headerAt: footer.bits64(at.dataOffset),
    createdAt: fromTimestamp(footer.u32(at.timestamp)),
    creatorApplication: text(bytes, at.creatorApplication),
    creatorVersion: footer.u32(at.creatorVersion),
    creatorHostOs: text(bytes, at.creatorHostOs),
    originalSizeBytes: Number(footer.bits64(at.originalSize)),
    currentSizeBytes: footer.u64(at.currentSize),
    geometry: {
      cylinders: footer.u16(at.cylinders),
      heads: footer.u8(at.heads),
      sectorsPerTrack: footer.u8(at.sectorsPerTrack),
    },
    uniqueId: uuidText(bytes, at.uniqueId),
    isTemporary: (features & feature.temporary) !== 0,
    hasSavedState: footer.u8(at.savedState) !== 0,
  }
}

/** Makes the bytes of a footer, checksum included. */
export function encodeFooter(footer: VhdFooter): Uint8Array {
  const bytes = new Uint8Array(footerBytes)
  const encoded = fields(bytes, 'big', 'footer')
  bytes.set(cookie, at.cookie)
  encoded.set32(at.features, feature.reserved | (footer.isTemporary ? feature.temporary : 0))
  encoded.set32(at.formatVersion, formatVersion)
  encoded.set64(at.dataOffset, footer.headerAt)
  encoded.set32(at.timestamp, toTimestamp(footer.createdAt))
  bytes.set(Buffer.from(footer.creatorApplication, 'latin1'), at.creatorApplication)
  encoded.set32(at.creatorVersion, footer.creatorVersion)
  bytes.set(Buffer.from(footer.creatorHostOs, 'latin1'), at.creatorHostOs)
  encoded.set64(at.originalSize, footer.originalSizeBytes)
  encoded.set64(at.currentSize, footer.currentSizeBytes)
  encoded.set16(at.cylinders, footer.geometry.cylinders)
  bytes[at.heads] = footer.geometry.heads
  bytes[at.sectorsPerTrack] = footer.geometry.sectorsPerTrack
  encoded.set32(at.diskType, diskTypes[footer.variant])
  bytes.set(uuidBytes(footer.uniqueId), at.uniqueId)
  bytes[at.savedState] = footer.hasSavedState ? 1 : 0
  encoded.set32(at.checksum, checksumOf(bytes, at.checksum))
  return bytes
}

function variantOf(type: number, file: string, offset: number): VhdVariant {
  if (type === diskTypes.fixed) return 'fixed'
  if (type === diskTypes.dynamic) return 'dynamic'
  if (type === diskTypes.differencing) return 'differencing'
  // 0 is "None"; the other numbers are reserved, two of them for disks linked to physical ones.
  if (type === 0) throw corrupt('its footer states the disk type "none"', file, offset)
  throw refused(`Its footer states the reserved disk type ${type}`, file, offset)
}

function text(bytes: Uint8Array, offset: number): string {
  return Buffer.from(bytes.subarray(offset, offset + 4)).toString('latin1')
}

function refused(message: string, file: string, offset: number): ImageError {
  return new ImageError('unsupported', message, {
    file,
    offset,
    hint: 'Convert the disk with the program that made it, to VHDX for one.',
  })
}
