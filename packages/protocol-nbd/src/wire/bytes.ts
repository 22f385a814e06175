import { broken, NbdError } from '../nbd-error.js'
import { maxStringBytes } from './constants.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Makes bytes of a length by writing the fields of a view; all numbers of the protocol are big-endian. */
export function fieldsOf(lengthBytes: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(lengthBytes)
  write(viewOf(bytes))
  return bytes
}

/** Makes a view of bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Writes an offset or a size of 64 bits. */
export function putSize(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32))
  view.setUint32(at + 4, value % 2 ** 32)
}

/** Reads an offset or a size of 64 bits. @throws NbdError `limit` above 2^53 - 1 */
export function getSize(view: DataView, at: number): number {
  const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4)
  if (value > Number.MAX_SAFE_INTEGER) throw new NbdError('limit', 'An offset or a size is above 2^53 - 1.')
  return value
}

/** Encodes a text. @throws NbdError `invalid` when it is longer than the protocol allows */
export function encodeText(text: string): Uint8Array {
  const bytes = encoder.encode(text)
  if (bytes.length > maxStringBytes) throw new NbdError('invalid', `A name is longer than ${maxStringBytes} bytes.`)
  return bytes
}

/** Decodes a text. @throws NbdError `protocol` when it is too long or no UTF-8 */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.length > maxStringBytes) throw broken(`A text is longer than ${maxStringBytes} bytes.`)
  try {
    return decoder.decode(bytes)
  } catch {
    throw broken('A text is not UTF-8.')
  }
}

/** Joins small pieces; data never passes through here. */
export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** Makes a text with its length of 32 bits before it. */
export function lengthAndText(text: string): Uint8Array {
  const bytes = encodeText(text)
  return joined(
    fieldsOf(4, (view) => view.setUint32(0, bytes.length)),
    bytes,
  )
}

/** Takes fields out of a payload one after another; reaching past its end breaks the protocol. */
export interface FieldReader {
  readonly u16: () => number
  readonly u32: () => number
  readonly size: () => number
  /** Takes a text of that many bytes. */
  readonly text: (lengthBytes: number) => string
  /** Bytes that are left. */
  readonly left: () => number
}

/** Reads fields of a payload. */
export function readFields(bytes: Uint8Array): FieldReader {
  const view = viewOf(bytes)
  let at = 0
  const skip = (count: number): number => {
    if (count > bytes.length - at) throw broken('A field reaches past the end of its message.')
    at += count
    return at - count
  }
  return {
    u16: () => view.getUint16(skip(2)),
    u32: () => view.getUint32(skip(4)),
    size: () => getSize(view, skip(8)),
    text: (lengthBytes) => {
      const start = skip(lengthBytes)
      return decodeText(bytes.subarray(start, start + lengthBytes))
    },
    left: () => bytes.length - at,
  }
}
