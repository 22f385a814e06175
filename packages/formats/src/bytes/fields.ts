import { corrupt } from '../image/image-error.js'

/** Reads and writes whole numbers of a structure in one byte order. Reading past its end is a `corrupt` error. */
export interface Fields {
  readonly bytes: Uint8Array
  readonly u8: (at: number) => number
  readonly u16: (at: number) => number
  readonly u32: (at: number) => number
  /** A 64-bit number that must be exact as a JavaScript number. @throws ImageError `corrupt` above 2^53 - 1 */
  readonly u64: (at: number) => number
  /** A 64-bit number with all its bits, for flags and packed entries. */
  readonly bits64: (at: number) => bigint
  readonly set16: (at: number, value: number) => void
  readonly set32: (at: number, value: number) => void
  readonly set64: (at: number, value: number | bigint) => void
}

/** Views a structure; `file` names its file in errors. */
export function fields(bytes: Uint8Array, order: 'little' | 'big', file: string): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = order === 'little'
  const within = (at: number, length: number) => {
    if (at >= 0 && at + length <= bytes.byteLength) return at
    throw corrupt(`a structure of ${bytes.byteLength} bytes has no field at ${at}`, file, at)
  }
  return {
    bytes,
    u8: (at) => view.getUint8(within(at, 1)),
    u16: (at) => view.getUint16(within(at, 2), little),
    u32: (at) => view.getUint32(within(at, 4), little),
    u64: (at) => {
      const value = view.getBigUint64(within(at, 8), little)
      if (value <= Number.MAX_SAFE_INTEGER) return Number(value)
      throw corrupt(`a field claims ${value}, more than any disk holds`, file, at)
    },
    bits64: (at) => view.getBigUint64(within(at, 8), little),
    set16: (at, value) => view.setUint16(at, value, little),
    set32: (at, value) => view.setUint32(at, value, little),
    set64: (at, value) => view.setBigUint64(at, BigInt(value), little),
  }
}
