import type { ObjectKey } from '../model/ids.js'
import type { CallOptions } from './context.js'
import type { LibraryFacet } from './library.js'
import type { MediaFacet, MediaSetsFacet } from './media.js'
import type { OpenablePlugin } from './plugin.js'

/** What a target can do; constant for the life of the plugin object. */
export interface TargetCapabilities {
  /** `get` takes a range without reading what lies before it. @defaultValue `true` */
  readonly rangeRead: boolean
  /** Of two `put`s of one key at the same moment exactly one succeeds. @defaultValue `false` */
  readonly exclusiveCreate: boolean
  /** Objects are read best in storage order, one at a time: tape. @defaultValue `false` */
  readonly sequential: boolean
  /** Objects lie on media that may be away, listed and yet not readable now: `TargetSession.media` is present. @defaultValue `false` */
  readonly media: boolean
  /** Media come in sets, each with a repository of its own: `TargetSession.sets` is present. @defaultValue `false` */
  readonly sets: boolean
  /** Media can be handled by command: `TargetSession.library` is present. @defaultValue `false` */
  readonly library: boolean
  /**
   * Objects can be removed. Where they cannot, nothing is ever pruned, and so writers and readers leave no signs of life.
   * @defaultValue `true`
   */
  readonly removes: boolean
  /** Objects survive a power cut only once they were synced: `TargetSession.sync` is present. @defaultValue `false` */
  readonly sync: boolean
  /** Largest object, in bytes; at least 32 MiB, so that any pack fits. @defaultValue `undefined` (no limit) */
  readonly maxObjectBytes: number | undefined
  /** Operations at once that still help. @defaultValue `4` */
  readonly maxConcurrency: number
  /** Objects can be locked for a time: `TargetSession.immutability` is present. @defaultValue `false` */
  readonly immutability: boolean
  /** The target knows its cheapest reading order: `TargetSession.ordering` is present. @defaultValue `false` */
  readonly ordering: boolean
  /** Room can be asked for: `TargetSession.capacity` is present. @defaultValue `false` */
  readonly capacity: boolean
}

/** A store of immutable objects: disk, NFS, S3, tape. Made by a factory named `<id>Target`. */
export interface TargetPlugin<C extends TargetCapabilities = TargetCapabilities>
  extends OpenablePlugin<'target', TargetSession> {
  readonly capabilities: C
}

/**
 * A connection to a target: a plain object, so that it can be wrapped by spreading it.
 *
 * All methods may be called concurrently, up to `capabilities.maxConcurrency`, and reject illegal keys with
 * `E_OBJECT_KEY`. The engine never uses a key that continues another after a `/`. Disposing twice is harmless.
 * Checked by: `target/sessions/dispose-twice`.
 */
export interface TargetSession extends AsyncDisposable {
  /**
   * Stores an object.
   *
   * Guarantee: other calls see either nothing or the whole object, and once this resolves it survives a power cut, unless
   * `capabilities.sync`. An existing object of that key is left alone. Each yielded buffer is valid until the next is asked for and may be
   * shared memory. Abort, or a body that throws: nothing stays behind.
   * Checked by: `target/put/visible-when-complete`, `target/put/body-throws`, `target/put/abort`, `target/put/exists`.
   * When a `put` failed for a passing reason, the object may be there all the same; the engine looks before it retries.
   * @throws BackupError `E_OBJECT_EXISTS`, `E_OBJECT_KEY`, `E_UNSUPPORTED`, `E_TARGET_*`; `E_TARGET_IO` when `sizeBytes` was given and
   * the body is of another size
   */
  readonly put: (key: ObjectKey, body: AsyncIterable<Uint8Array>, options: PutOptions) => Promise<void>
  /**
   * Reads an object, or a range of it.
   *
   * Guarantee: yields exactly the asked bytes in order, or throws; a range past the end throws. Each yielded buffer is
   * valid until the next is asked for. Checked by: `target/get/ranges`, `target/get/past-end`, `target/get/missing`.
   * @throws BackupError `E_OBJECT_NOT_FOUND`, `E_DAMAGED` (shorter than asked), `E_TARGET_*`
   */
  readonly get: (key: ObjectKey, options: GetOptions) => AsyncIterable<Uint8Array>
  /** Describes an object; `undefined` when there is none. Checked by: `target/stat/missing`. */
  readonly stat: (key: ObjectKey, options: CallOptions) => Promise<ObjectInfo | undefined>
  /**
   * Yields every object whose key starts with `prefix`, each exactly once, in no set order. `''` lists all.
   *
   * Objects stored or removed meanwhile may or may not appear; unfinished ones never do.
   * Checked by: `target/list/exactly-once`, `target/list/prefix`, `target/list/while-writing`.
   */
  readonly list: (prefix: string, options: CallOptions) => AsyncIterable<ObjectInfo>
  /**
   * Removes an object. Idempotency: one that is not there is no error. Checked by: `target/remove/twice`.
   *
   * Without `capabilities.removes` it rejects with `E_UNSUPPORTED`. Checked by: `target/remove/undeclared`.
   */
  readonly remove: (key: ObjectKey, options: CallOptions) => Promise<void>

  /**
   * Makes what was put survive a power cut. Present exactly when `capabilities.sync`.
   *
   * Called by: the engine, after each recovery point and before it closes the session.
   * Guarantee: on resolve every object whose `put` has resolved is safe. Before it, what survives is the beginning of what was
   * put, in the order in which the `put`s resolved: no object outlives one that came before it.
   * Checked by: `target/sync/kept`.
   * @throws BackupError `E_TARGET_*`: then none of the objects since the last sync may be counted on
   */
  readonly sync?: (options: CallOptions) => Promise<void>
  /** Present exactly when `capabilities.immutability`. */
  readonly immutability?: ImmutabilityFacet
  /** Present exactly when `capabilities.ordering`. */
  readonly ordering?: OrderingFacet
  /** Present exactly when `capabilities.capacity`. */
  readonly capacity?: CapacityFacet
  /** Present exactly when `capabilities.media`. */
  readonly media?: MediaFacet
  /** Present exactly when `capabilities.sets`, save for the sessions that it opens. */
  readonly sets?: MediaSetsFacet
  /** Present exactly when `capabilities.library`, save for the sessions that `sets` opens. */
  readonly library?: LibraryFacet
}

/** How to store an object. */
export interface PutOptions extends CallOptions {
  /** Exact size of the body, in bytes, when known beforehand. */
  readonly sizeBytes?: number
  /**
   * Lock the object until then. A target without `immutability` rejects with `E_UNSUPPORTED`.
   * Checked by: `target/immutability/undeclared`.
   */
  readonly retainUntil?: Date
  /**
   * The object holds content of disks, and is read for nothing else. All others are read to find something: a target that
   * has dear and cheap places may keep those at hand. @defaultValue `false`
   */
  readonly isBulk?: boolean
}

/** What to read of an object. */
export interface GetOptions extends CallOptions {
  /** Bytes to read, at least one. @defaultValue the whole object */
  readonly range?: { readonly offset: number; readonly length: number }
  /**
   * Gives memory for the bytes that come next. A target may fill it from its start and yield that part of it, which saves
   * a copy; or it may yield memory of its own.
   *
   * Called by: the target, when it is asked for a buffer and at most once for each. Nothing may be written to that memory
   * once the next buffer was asked for, or the iteration has ended. Checked by: `target/get/memory`.
   */
  readonly memory?: () => Uint8Array
}

/** What a target knows of an object. */
export interface ObjectInfo {
  readonly key: ObjectKey
  readonly sizeBytes: number
  /** When the object was stored, by the target's clock and never later than it became visible: retention trusts it over what a writer claims. */
  readonly modifiedAt: Date
}

/** Locks objects against removal. */
export interface ImmutabilityFacet {
  /** Locks an object until `until`; a lock is only ever extended. */
  readonly retainUntil: (key: ObjectKey, until: Date, options: CallOptions) => Promise<void>
}

/** Knows how objects are best read. */
export interface OrderingFacet {
  /** Returns the same keys in the cheapest reading order. */
  readonly order: (keys: readonly ObjectKey[], options: CallOptions) => Promise<readonly ObjectKey[]>
}

/** Knows how much room there is. */
export interface CapacityFacet {
  /** Tells the room there is in all and the room left, in bytes. */
  readonly capacity: (options: CallOptions) => Promise<{ readonly totalBytes: number; readonly freeBytes: number }>
}
