import { headerBytes, maxSegmentBytes } from './constants.js'

/** A header that was made, and the data that goes after it. */
export interface Pdu {
  readonly header: Uint8Array
  readonly data: Uint8Array
}

/** No data. */
const noData = new Uint8Array(0)

/** Makes a view of bytes; all numbers of the protocol are big-endian. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Makes a PDU: opcode (with the immediate bit), the flags beside it, and what else its header has. RFC 7143, 11.2.1. */
export function makePdu(
  opcode: number,
  flags: number,
  fill: (view: DataView, header: Uint8Array) => void,
  data: Uint8Array = noData,
): Pdu {
  if (data.length > maxSegmentBytes) throw new RangeError('A data segment is longer than its length field can say.')
  const header = new Uint8Array(headerBytes)
  const view = viewOf(header)
  fill(view, header)
  view.setUint32(4, data.length)
  header[0] = opcode
  header[1] = flags
  return { header, data }
}

/** Reads the length of the data segment, without padding. */
export function segmentBytes(header: Uint8Array): number {
  return viewOf(header).getUint32(4) & maxSegmentBytes
}

/** Reads the length of the additional header segments. */
export function additionalHeaderBytes(header: Uint8Array): number {
  return (header[4] ?? 0) * 4
}

/** Bytes that fill a segment up to a multiple of four. */
export function paddingBytes(lengthBytes: number): number {
  return -lengthBytes & 3
}
