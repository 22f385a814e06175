import type { Fields } from '../bytes/fields.js'

/** A run of a file's blocks (xfs_bmbt_rec). */
export interface Extent {
  /** First block in the file. */
  readonly start: number
  readonly count: number
  /** First block on the volume. */
  readonly block: number
  /** Reserved but never written: reads as zeros. */
  readonly isUnwritten: boolean
}

/** Bytes of a record: 1 bit unwritten, 54 bits of start, 52 of block, 21 of count. */
export const extentBytes = 16

/** Decodes a record in four parts: numbers of 64 bits are slow, and lists are long. What is beyond any volume need not be exact. */
export function decodeExtent(list: Fields, at: number): Extent {
  const first = list.u32(at)
  const second = list.u32(at + 4)
  const third = list.u32(at + 8)
  const fourth = list.u32(at + 12)
  return {
    isUnwritten: first >>> 31 === 1,
    start: (first & 0x7fff_ffff) * 2 ** 23 + (second >>> 9),
    block: (second & 0x1ff) * 2 ** 43 + third * 2 ** 11 + (fourth >>> 21),
    count: fourth & 0x1f_ffff,
  }
}
