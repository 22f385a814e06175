import type { ObjectKey } from '../model/ids.js'
import type { CallOptions } from './context.js'
import type { TargetSession } from './target.js'

/** Something that holds objects and can be taken away: a cartridge, a disk in a bay. */
export interface Medium {
  /** As people call it; for cartridges their barcode. */
  readonly name: string
  /** It can be read without anybody fetching it. */
  readonly isOnline: boolean
  /** Where it was put when it was taken away, in the words of whoever did it. */
  readonly location: string | undefined
}

/** A medium with the objects that are wanted from it. */
export interface NeededMedium extends Medium {
  /** In the cheapest reading order. */
  readonly keys: readonly ObjectKey[]
}

/** Knows which media hold what. */
export interface MediaFacet {
  /**
   * Tells which media must be read for these objects, in the cheapest order. What is at hand anyway needs none.
   *
   * Guarantee: moves no medium and reads none; each key is named once at most, and those that are not named need no medium.
   * Checked by: `target/media/needed`.
   * @throws BackupError `E_OBJECT_NOT_FOUND`, `E_TARGET_*`
   */
  readonly needed: (keys: readonly ObjectKey[], options: CallOptions) => Promise<readonly NeededMedium[]>
  /** Tells what media took since the target was opened, for reports. Absent where nobody counts. */
  readonly handled?: () => MediaHandling
}

/** What handling media took. */
export interface MediaHandling {
  /** How often a medium was put where it can be read. */
  readonly mounts: number
  /** How often it was wound to another place than the next. */
  readonly seeks: number
}

/** Media that hold one repository together: nothing of another set is needed to restore from it. */
export interface MediaSet {
  readonly id: string
  readonly createdAt: Date
  /** Until then no medium of it is written over; undefined: for good. */
  readonly keepUntil: Date | undefined
  /** In the order in which they were written. */
  readonly media: readonly Medium[]
}

/** How to open a set for writing. */
export interface WriteSetOptions extends CallOptions {
  /** Keep the set until then, at least: a set is kept for as long as any session asked. @defaultValue as the target's options say */
  readonly keepUntil?: Date
}

/**
 * Keeps sets of media. The session that has it is the one that `write` opens.
 *
 * Called by: the engine, for a target with `capabilities.sets`. Each set is a repository of its own, made when it is first
 * written to.
 */
export interface MediaSetsFacet {
  /** Lists the sets that hold something, oldest first. Moves no medium. Checked by: `target/sets/listed`. */
  readonly list: (options: CallOptions) => Promise<readonly MediaSet[]>
  /**
   * Opens a set for reading: `put` rejects with `E_TARGET_READ_ONLY`. Checked by: `target/sets/read-only`.
   *
   * The session ends with its own disposal or with that of the session it came from.
   * @throws BackupError `E_OBJECT_NOT_FOUND`, `E_TARGET_*`
   */
  readonly open: (id: string, options: CallOptions) => Promise<TargetSession>
  /**
   * Opens the set that is written to now, or a new one, as the target's options say. Nothing is taken into use before the first
   * `put`. Checked by: `target/sets/listed`.
   *
   * @throws BackupError `E_REPOSITORY_BUSY` when another process writes, `E_TARGET_*`
   */
  readonly write: (options: WriteSetOptions) => Promise<TargetSession>
}
