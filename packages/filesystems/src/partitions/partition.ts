import type { CallOptions } from '../filesystem.js'

/** A partition as its table describes it; nothing says that it lies within the disk. */
export interface Partition {
  /** Number that systems give it: sda3 is 3. */
  readonly index: number
  /** Byte of the disk. */
  readonly offset: number
  readonly sizeBytes: number
  readonly table: 'mbr' | 'gpt'
  /** Two hexadecimal digits in an MBR (`07`), a GUID in a GPT. */
  readonly type: string
  /** Name in a GPT; may be empty. */
  readonly name?: string
  /** GUID of the partition in a GPT. */
  readonly uuid?: string
}

/** Settings of what reads partition tables. */
export interface PartitionOptions extends CallOptions {
  /**
   * Size of the sectors that an MBR counts in; a GPT tells by its place.
   *
   * @defaultValue 512
   */
  readonly sectorBytes?: 512 | 4096
}
