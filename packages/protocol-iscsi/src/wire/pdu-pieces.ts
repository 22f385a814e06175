import { crc32c } from './crc32c.js'
import { type Pdu, paddingBytes, viewOf } from './header.js'
import type { Digests } from './pdu-reader.js'

const paddings = [0, 1, 2, 3].map((length) => new Uint8Array(length))

/** Returns the pieces of a PDU as they are sent, its data among them uncopied. RFC 7143, 11.1. */
export function piecesOf({ header, data }: Pdu, digests: Digests): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [header]
  if (digests.header) pieces.push(digestOf(crc32c(header)))
  if (data.length === 0) return pieces
  pieces.push(data)
  const padding = paddings[paddingBytes(data.length)]
  if (padding !== undefined && padding.length > 0) pieces.push(padding)
  if (digests.data) pieces.push(digestOf(crc32c(padding ?? data.subarray(0, 0), crc32c(data))))
  return pieces
}

function digestOf(sum: number): Uint8Array {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setUint32(0, sum, true)
  return bytes
}
