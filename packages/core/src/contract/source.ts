import type { Consistency } from '../model/consistency.js'
import type { Extent } from '../model/extent.js'
import type { ChangeToken, DiskId } from '../model/ids.js'
import type { Machine, MachineRef, MachineSelector } from '../model/machine.js'
import type { BootedMachine, BootProbe } from './boot.js'
import type { CallOptions } from './context.js'
import type { OpenablePlugin } from './plugin.js'
import type { QuiesceChannel } from './quiesce.js'

/** What a source can do; constant for the life of the plugin object. */
export interface SourceCapabilities {
  /** Disks may be captured incrementally from a change token. @defaultValue `false` */
  readonly changedExtents: boolean
  /** `extents()` tells data from holes; otherwise a full capture is one `data` extent. @defaultValue `false` */
  readonly sparse: boolean
  /** Ways by which a quiesce hook can reach the machine. @defaultValue `['host']` */
  readonly quiesceChannels: readonly QuiesceChannel[]
  /** What a capture is worth without any hook. @defaultValue `'crash'` */
  readonly consistency: Consistency
  /** Reads that one disk takes at once without getting slower. @defaultValue `4` */
  readonly maxConcurrentReads: number
  /** Machines can be put back: `SourceSession.restore` is present. @defaultValue `false` */
  readonly restore: boolean
  /** Provisioned machines can be started in isolation: `ProvisionedMachine.boot` is present. Needs `restore`. @defaultValue `false` */
  readonly boot: boolean
  /** Machines can be put over what exports hold: `Placement.contents` is taken. Needs `restore`. @defaultValue `false` */
  readonly overlays: boolean
}

/** A hypervisor, or anything that holds machines. Made by a factory named `<id>Source`. */
export interface SourcePlugin<C extends SourceCapabilities = SourceCapabilities>
  extends OpenablePlugin<'source', SourceSession> {
  readonly capabilities: C
}

/** A connection to a source. */
export interface SourceSession extends AsyncDisposable {
  /**
   * Yields every machine that fits the selector, each once, in no set order.
   *
   * Checked by: `source/discover/exactly-once`, `source/discover/selector`.
   * @throws BackupError `E_SOURCE_UNAVAILABLE`, `E_SOURCE_INVALID`
   */
  readonly discover: (selector: MachineSelector, options: CallOptions) => AsyncIterable<MachineRef>

  /**
   * Does everything slow that must come before the point in time: connect, resolve disks, check change tokens.
   *
   * Called: once a machine and run, before any hook freezes. Several machines may be prepared at once.
   * Guarantee: the machine is not disturbed yet. Checked by: `source/prepare/discard`.
   * @throws BackupError `E_MACHINE_NOT_FOUND`, `E_SOURCE_*`
   */
  readonly prepare: (machine: MachineRef, request: CaptureRequest, options: CallOptions) => Promise<PreparedCapture>

  /** Present exactly when `capabilities.restore`. */
  readonly restore?: RestoreFacet
}

/** What the engine wants from a capture. */
export interface CaptureRequest {
  /**
   * Token of each disk's last capture that every target holds; a disk without one goes full.
   *
   * The engine compares sizes itself: a disk that was resized since is read whole whatever the source says.
   */
  readonly previous: ReadonlyMap<DiskId, ChangeToken>
}

/**
 * A machine ready to be captured.
 *
 * Disposing it without `take` leaves no trace; after `take`, it leaves the capture alone.
 * Checked by: `source/prepare/discard`, `source/capture/outlives-preparation`.
 */
export interface PreparedCapture extends AsyncDisposable {
  /**
   * Fixes the point in time, for all disks at once.
   *
   * Called: once, while hooks hold the machine frozen; must be fast.
   * Guarantee: from here on the capture's bytes never change. Checked by: `source/capture/frozen`.
   */
  readonly take: (options: CallOptions) => Promise<Capture>
}

/**
 * A point-in-time view of one machine.
 *
 * Disposing it releases it, after success, failure and abort alike.
 */
export interface Capture extends AsyncDisposable {
  /** Describes all disks, also the unavailable ones (with size 0 when it is unknown). */
  readonly machine: Machine
  /** What the source itself reached; hooks may raise it. */
  readonly consistency: Consistency
  readonly takenAt: Date
  readonly disks: readonly CapturedDisk[]
  /** Disks of the machine that are not in the capture, each with its reason; the run is then partial. */
  readonly unavailable: readonly UnavailableDisk[]
  /**
   * Tells the source that this capture is safely stored, so that its tokens may become the next base.
   *
   * Called: at most once, after every target that completed has committed. Not called when none did.
   */
  readonly acknowledge: (options: CallOptions) => Promise<void>
}

/** One disk of a capture. */
export interface CapturedDisk {
  readonly id: DiskId
  readonly sizeBytes: number
  /** Handed back at the next capture. Absent when changes since now cannot be told later. */
  readonly changeToken?: ChangeToken
  readonly tracking: Tracking
  /**
   * Yields the disk's extents in ascending order without overlap; gaps are unallocated.
   *
   * With `since`, yields only what may differ from that token's capture: a gap is then *unchanged*, and a `zero` or
   * `unallocated` extent now reads as zeros. The engine passes `since` only when `tracking.mode` is `incremental`.
   * Checked by: `source/extents/ordered`, `source/extents/cover-data`, `source/extents/changed-superset`.
   * @throws BackupError `E_CHANGE_TOKEN`, `E_SOURCE_*`
   */
  readonly extents: (since: ChangeToken | undefined, options: CallOptions) => AsyncIterable<Extent>
  /**
   * Fills the whole of `into` from `offset`; holes read as zeros.
   *
   * Called: concurrently, up to `capabilities.maxConcurrentReads`; never past the disk's end.
   * `into` is the caller's, often shared memory: keep no reference to it after resolving.
   * Checked by: `source/read/any-range`, `source/read/concurrent`, `source/read/past-end`.
   * @throws BackupError `E_SOURCE_READ`, `E_SOURCE_UNAVAILABLE`
   */
  readonly readInto: (offset: number, into: Uint8Array, options: CallOptions) => Promise<void>
}

/** What the source really could do for a disk, and why; recorded with the recovery point. */
export interface Tracking {
  readonly mode: 'full' | 'incremental'
  /** A sentence for people: `no earlier capture`, `disk was resized from 10 GiB to 20 GiB`. */
  readonly reason: string
}

/** A disk that could not be captured. */
export interface UnavailableDisk {
  readonly id: DiskId
  readonly reason: string
}

/** Puts machines back. */
export interface RestoreFacet {
  /**
   * Creates a machine with blank disks, or over `placement.contents`.
   *
   * Guarantee: nothing existing is overwritten, and nothing is left when the result is disposed without `commit`.
   * Checked by: `source/restore/discard`, `source/restore/round-trip`.
   * @throws BackupError `E_PLACEMENT`, `E_SOURCE_*`
   */
  readonly provision: (machine: Machine, placement: Placement, options: CallOptions) => Promise<ProvisionedMachine>
}

/** Where a machine goes, beyond what the source's own options say. */
export interface Placement {
  /** Name of the restored machine. @defaultValue the original name */
  readonly name?: string
  /** Further settings, defined by the source (datastore, network, pool). */
  readonly settings?: Readonly<Record<string, string>>
  /**
   * NBD URIs of exports that hold the disks' content already, by disk; all disks, or absent.
   *
   * Called with it: only where `capabilities.overlays`. The source puts an empty overlay over each export instead of making
   * a blank disk, and never writes to the export, which is there until the machine is disposed.
   * @defaultValue blank disks
   */
  readonly contents?: ReadonlyMap<DiskId, string>
}

/** A machine being restored. Disposing it before `commit` removes it again. */
export interface ProvisionedMachine extends AsyncDisposable {
  readonly disks: readonly WritableDisk[]
  /** Where the machine is, for people. */
  readonly location: string
  /** Makes the machine final and durable. Called once, after every write resolved. */
  readonly commit: (options: CallOptions) => Promise<void>
  /**
   * Starts the machine before its commit, without any network, and waits for the probe. Present exactly when `capabilities.boot`.
   *
   * Called: at most once, after every write resolved, with a probe that `checkBootProbe` takes.
   * Guarantee: what the guest writes is dropped; no other machine is touched; disposing the booted machine stops it, and
   * disposing this one without commit then removes it. When it rejects, the machine is stopped.
   * Abort: the machine is stopped. Checked by: `source/boot/probe`, `source/boot/dispose-stops`, `source/boot/no-answer`, `source/boot/abort`,
   * `source/boot/drops-writes`, `source/boot/keeps-existing`, `source/boot/undeclared`.
   * @throws BackupError `E_BOOT` when the machine ends, or the probe fails or does not come within its `timeoutMs`, with
   * `probe` in the context and in the message what was seen last (at most 1 KiB, without control characters);
   * `E_UNSUPPORTED` for a kind of probe that the source does not have; `E_SOURCE_*`
   */
  readonly boot?: (probe: BootProbe, options: CallOptions) => Promise<BootedMachine>
}

/** A blank disk: ranges never written read as zeros. */
export interface WritableDisk {
  readonly id: DiskId
  readonly sizeBytes: number
  /** Writes `data` at `offset`. Called concurrently on ranges that do not overlap; `data` may be shared memory. */
  readonly write: (offset: number, data: Uint8Array, options: CallOptions) => Promise<void>
}
