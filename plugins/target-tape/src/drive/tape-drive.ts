import type { CallOptions } from '@holdfast/core'

/** Where the head is: before that block of that tape file, both counted from 0. */
export interface TapeSpot {
  readonly file: number
  readonly block: number
}

/** A cartridge in a drive. */
export interface LoadedMedium {
  readonly isWriteProtected: boolean
  /** Can be written once; undefined when the drive does not tell. */
  readonly isWorm: boolean | undefined
  /** What is left of it, in bytes that are not compressed; undefined when the drive does not tell. */
  readonly remainingBytes: number | undefined
}

/** What a read met. After a filemark the head is behind it. */
export type BlockRead =
  | { readonly kind: 'block'; readonly bytes: number }
  /** Not one of ours: too long for the memory, or of a length that the drive gives wrongly. The head is behind it. */
  | { readonly kind: 'other-block' }
  | { readonly kind: 'filemark' }
  | { readonly kind: 'end-of-data' }

/** What a write tells beside that it was taken. */
export interface BlockWritten {
  /** The end of the medium is near: end the tape file, and go on elsewhere. */
  readonly isNearEnd: boolean
}

/** How often a drive had to do what costs time. */
export interface DriveMoves {
  readonly loads: number
  /** Movements to another place than the next block. */
  readonly seeks: number
  readonly readBytes: number
  readonly writtenBytes: number
}

/**
 * One tape drive, whatever carries its commands. Calls come one at a time.
 *
 * All of them throw BackupError: `E_MEDIA_NEEDED` when there is no cartridge, `E_TARGET_READ_ONLY` for one that is protected,
 * `E_TARGET_FULL` at its end, `E_DAMAGED` for what cannot be read, `E_TARGET_*` for all else. After an error of a write other than
 * `E_TARGET_FULL` nothing is known of the end of the tape.
 */
export interface TapeDrive {
  /** As messages call it. */
  readonly name: string
  /**
   * Waits until the cartridge that was put in can be used, and goes to its beginning. Keeps other hosts from the drive, if the drive can.
   *
   * @throws BackupError `E_REPOSITORY_BUSY` when another host has it
   */
  readonly load: (options: CallOptions) => Promise<LoadedMedium>
  /** Lets go of the cartridge, so that it can be taken out. */
  readonly unload: (options: CallOptions) => Promise<void>
  /** Lets other hosts use the drive, where `load` kept them from it. Never rejects. */
  readonly release: () => Promise<void>
  /** Undefined when nobody knows: seek before anything else. */
  readonly spot: () => TapeSpot | undefined
  readonly seek: (spot: TapeSpot, options: CallOptions) => Promise<void>
  /** Goes to the beginning of a tape file; `false` when the data ends before it, and nobody knows then where the head is. */
  readonly reaches: (file: number, options: CallOptions) => Promise<boolean>
  /** Goes over blocks; tells how many there were before the filemark or the end of the data, behind which the head then is. */
  readonly skip: (blocks: number, options: CallOptions) => Promise<number>
  readonly read: (into: Uint8Array, options: CallOptions) => Promise<BlockRead>
  /** So many `write`s may be under way together, carried out in the order of the calls; no other call may be beside them. */
  readonly writesAtOnce: number
  /** Resolves when the drive has taken the block: it is on the tape after the next `endFile`. @throws BackupError `E_TARGET_FULL`: it was not taken */
  readonly write: (block: Uint8Array, options: CallOptions) => Promise<BlockWritten>
  /** Writes a filemark. Guarantee: all that was written before is on the tape. @throws BackupError `E_TARGET_FULL`: it was not taken */
  readonly endFile: (options: CallOptions) => Promise<BlockWritten>
  /** Makes the tape blank, or as good as that: it holds one filemark. */
  readonly erase: (options: CallOptions) => Promise<void>
  /** What the drive warns of, in words. */
  readonly alerts: (options: CallOptions) => Promise<readonly string[]>
  readonly moves: () => DriveMoves
}
