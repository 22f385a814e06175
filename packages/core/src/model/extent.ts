/** What a range of a disk holds: bytes to read, known zeros, or nothing ever written. */
export type ExtentKind = 'data' | 'zero' | 'unallocated'

/** A range of a disk, in bytes. `zero` and `unallocated` both read as zeros. */
export interface Extent {
  readonly offset: number
  readonly length: number
  readonly kind: ExtentKind
}
