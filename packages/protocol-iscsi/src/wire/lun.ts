import { IscsiError } from '../iscsi-error.js'
import { viewOf } from './header.js'

/** Largest number that fits into the flat space addressing method. */
const maxLun = 0x3fff

/** Encodes the number of a logical unit: peripheral below 256, flat space above. SAM-5, 4.7. @throws IscsiError `usage` */
export function encodeLun(lun: number): Uint8Array {
  if (!Number.isInteger(lun) || lun < 0 || lun > maxLun)
    throw new IscsiError('usage', `The number of a logical unit is not between 0 and ${maxLun}.`)
  const bytes = new Uint8Array(8)
  viewOf(bytes).setUint16(0, lun < 256 ? lun : 0x4000 | lun)
  return bytes
}

/** Decodes the number of a logical unit; undefined for addresses of several levels and other methods. */
export function decodeLun(bytes: Uint8Array): number | undefined {
  const view = viewOf(bytes)
  const first = view.getUint16(0)
  const hasMoreLevels = view.getUint16(2) !== 0 || view.getUint32(4) !== 0
  if (hasMoreLevels) return undefined
  const method = first >>> 14
  if (method === 0) return first < 256 ? first : undefined
  return method === 1 ? first & maxLun : undefined
}
