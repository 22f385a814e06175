/** Where a writer puts the bytes of a disk. */
export interface BlockWriter {
  readonly write: (offset: number, bytes: Uint8Array) => Promise<void>
  readonly zero: (offset: number, length: number) => Promise<void>
  /** Writes tables that are held back. */
  readonly flush: () => Promise<void>
  /** Size of the file with all blocks that it has so far. */
  readonly fileBytes: () => number
}
