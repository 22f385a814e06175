import { Buffer } from 'node:buffer'
import { ImageError } from '../image/image-error.js'

const uuidLength = 16
const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The UUID at a place, its bytes in the order in which they are stored. */
export function uuidText(bytes: Uint8Array, at: number): string {
  const hex = Buffer.from(bytes.subarray(at, at + uuidLength)).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** The bytes of a UUID. @throws ImageError `unsupported` for other text */
export function uuidBytes(text: string): Uint8Array {
  if (pattern.test(text)) return Buffer.from(text.replaceAll('-', ''), 'hex')
  throw new ImageError('unsupported', `${text} is no UUID, which a VHD names disks by.`)
}
