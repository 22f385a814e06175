import type { DiskId } from '@holdfast/core'
import type { ImageFormatName } from './described-machine.js'

/** Where the image of one disk lies for the machine to be. */
export interface PlacedDisk {
  /** Id of a disk of the machine. */
  readonly id: DiskId
  /** Path or name of the image as the hypervisor shall see it. */
  readonly file: string
  readonly imageFormat: ImageFormatName
  /** Model of the controller that the guest has drivers for, as a description named it; kept where the target has it. */
  readonly controllerModel?: string
}

/** A description, and what had to change on the way. */
export interface WrittenDescription {
  readonly text: string
  /** Every mapping that changes what the guest sees, or what the description kept; to be shown to whoever restores. */
  readonly report: readonly Mapping[]
}

/** One thing that is not as it was. */
export interface Mapping {
  /** What changed: `bus of disk sda`, `firmware`. */
  readonly what: string
  readonly from: string
  readonly to: string
  /** Why, and what the operator can do about it. */
  readonly why: string
}

/** What every writer may be told. */
export interface WriteOptions {
  /**
   * `keep` restores the same machine: its UUID and MAC addresses. `new` leaves both to the hypervisor, for a copy that runs
   * beside the original.
   *
   * @defaultValue `'keep'`
   */
  readonly identity?: 'keep' | 'new'
  /** The target's network for each network of the machine. A network without an entry keeps its name. */
  readonly networks?: Readonly<Record<string, string>>
}

/** What writers of a format with native texts may be told. */
export interface NativeOptions {
  /**
   * What to do with a native text of the same format: `edit` it, so that all it says is kept and only name and disks change,
   * or `ignore` it and write anew.
   *
   * @defaultValue `'edit'`
   */
  readonly native?: 'edit' | 'ignore'
}
