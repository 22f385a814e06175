import { damaged, type Place } from '../filesystem-error.js'

/** Reads whole numbers of a structure in one byte order. Reading past its end is a `damaged` error. */
export interface Fields {
  readonly bytes: Uint8Array
  readonly u8: (at: number) => number
  readonly u16: (at: number) => number
  readonly u32: (at: number) => number
  readonly i32: (at: number) => number
  /** A 64-bit number that must be exact as a JavaScript number. @throws FilesystemError `damaged` above 2^53 - 1 */
  readonly u64: (at: number) => number
  /** A 64-bit number with all its bits, for flags and packed entries. */
  readonly bits64: (at: number) => bigint
  /** A signed 64-bit number with all its bits. */
  readonly signed64: (at: number) => bigint
  /** Views `length` bytes. */
  readonly slice: (at: number, length: number) => Uint8Array
}

/** Views a structure called `what`, which begins at `place.offset`. */
export function fields(bytes: Uint8Array, order: 'little' | 'big', what: string, place: Place = {}): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = order === 'little'
  const within = (at: number, length: number) => {
    if (at >= 0 && length >= 0 && at + length <= bytes.byteLength) return at
    throw damaged(`${what} of ${bytes.byteLength} bytes has no ${length} bytes at ${at}`, place)
  }
  return {
    bytes,
    u8: (at) => view.getUint8(within(at, 1)),
    u16: (at) => view.getUint16(within(at, 2), little),
    u32: (at) => view.getUint32(within(at, 4), little),
    i32: (at) => view.getInt32(within(at, 4), little),
    u64: (at) => {
      const value = view.getBigUint64(within(at, 8), little)
      if (value <= Number.MAX_SAFE_INTEGER) return Number(value)
      throw damaged(`${what} claims ${value} in the field at ${at}, more than any disk holds`, place)
    },
    bits64: (at) => view.getBigUint64(within(at, 8), little),
    signed64: (at) => view.getBigInt64(within(at, 8), little),
    slice: (at, length) => {
      within(at, length)
      return bytes.subarray(at, at + length)
    },
  }
}
