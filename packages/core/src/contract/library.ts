import type { CallOptions } from './context.js'
import type { BackupError } from './errors.js'
import type { Medium } from './media.js'

/** Says which place of a library is meant. */
export interface LibraryPlaceName {
  readonly kind: 'slot' | 'mail' | 'drive'
  /** Counts those of a kind, from 0. */
  readonly number: number
}

/** Where a library can hold a medium. */
export interface LibraryPlace extends LibraryPlaceName {
  /** Name of the medium in it; undefined when it is empty, or what is in it has no name that can be read. */
  readonly medium: string | undefined
  readonly isFull: boolean
  /** What is wrong with it, in words. */
  readonly problem: string | undefined
}

/** What is known of a medium. */
export interface LibraryMedium extends Medium {
  readonly place: LibraryPlaceName | undefined
  readonly pool: string | undefined
  /** Set that it belongs to, and its place in it, from 1. */
  readonly set: string | undefined
  readonly sequence: number | undefined
  /** Until then it is not written over; undefined: for good, or it holds nothing. */
  readonly keepUntil: Date | undefined
  /** What was written to it, in bytes; undefined when nobody knows. */
  readonly usedBytes: number | undefined
  /**
   * `usable`: it is labelled and holds nothing, or what it holds has expired; `unknown`: nobody has looked at it yet.
   */
  readonly state: 'unknown' | 'blank' | 'usable' | 'held' | 'foreign' | 'cleaning'
  /** What is wrong with it, in words: worn out, damaged, write-protected. @defaultValue `undefined` */
  readonly problem?: string | undefined
}

/** What a drive is about. */
export interface LibraryDrive {
  readonly number: number
  readonly name: string
  readonly medium: string | undefined
  /** What it warns of, in words. */
  readonly alerts: readonly string[]
}

/** How a medium may be overwritten. */
export interface OverwriteOptions extends CallOptions {
  /** Also when it holds something: this very medium was named by somebody who knows. @defaultValue `false` */
  readonly evenIfHeld?: boolean
}

/** How to make anew what is known of media. */
export interface RebuildOptions extends CallOptions {
  /** Called after each medium that was read, with what is known of it now. */
  readonly onMedium?: (medium: LibraryMedium) => void
  /**
   * Called for each medium that cannot be read; what was known of it stays, and the others are read. Without it, the first one
   * that cannot be read ends it all.
   */
  readonly onFailure?: (medium: string, error: BackupError) => void
}

/**
 * Handles media: for the commands that people give, not for the engine.
 *
 * All of them throw BackupError: `E_MEDIA_NEEDED` for a medium that is not in the library, `E_REPOSITORY_BUSY` while another process
 * uses the drive, `E_TARGET_*`.
 */
export interface LibraryFacet {
  /** Lists every place, those of a kind in order. */
  readonly places: (options: CallOptions) => Promise<readonly LibraryPlace[]>
  /** Lists the drives, with what they warn of. */
  readonly drives: (options: CallOptions) => Promise<readonly LibraryDrive[]>
  /** Every medium that is in the library or known. */
  readonly media: (options: CallOptions) => Promise<readonly LibraryMedium[]>
  /** Writes a label to a medium. @throws BackupError `E_MEDIA_FOREIGN`, `E_TARGET_IMMUTABLE` for what is kept still */
  readonly label: (medium: string, options: OverwriteOptions) => Promise<void>
  /** Takes away all that a medium holds. @throws as `label` does */
  readonly erase: (medium: string, options: OverwriteOptions) => Promise<void>
  /** Puts a medium into a drive: that one, or the one that suits best. Tells which. */
  readonly load: (medium: string, options: CallOptions & { readonly drive?: number }) => Promise<number>
  /** Puts the medium of a drive back. */
  readonly unload: (drive: number, options: CallOptions) => Promise<void>
  /** Carries a medium to an empty place: that of this name, or whatever lies in a place, which may have no name that can be read. */
  readonly move: (medium: string | LibraryPlaceName, to: LibraryPlaceName, options: CallOptions) => Promise<void>
  /**
   * Puts a medium where it can be taken out, and notes where it is kept. Tells the place; undefined when it was out already.
   *
   * @throws BackupError `E_TARGET_FULL` while there is no empty place to take it from
   */
  readonly vault: (medium: string, location: string, options: CallOptions) => Promise<LibraryPlaceName | undefined>
  /** Forgets that a medium was away; takes it in where it lies in a place for that. */
  readonly recall: (medium: string, options: CallOptions) => Promise<void>
  /** Makes what is known of media anew, from these media or, when none is named, all that are in the library. */
  readonly rebuild: (media: readonly string[], options: RebuildOptions) => Promise<void>
}
