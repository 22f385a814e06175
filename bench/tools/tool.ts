import type { Command } from '../measure/measure.ts'
import type { ByteRange } from '../workloads/units.ts'

/** One machine with one disk, as it is at one time. */
export interface MachineState {
  readonly machine: string
  /** The disk's image. */
  readonly image: string
  /** What the hypervisor would call this state. Only Holdfast can use it. */
  readonly changeToken?: string
  /** What the hypervisor would say has changed since an earlier state. Only Holdfast can use it. */
  readonly changes?: { readonly since: string; readonly extents: readonly ByteRange[] }
}

/** The folders that a tool works in. They are the same in every round: restic and borg recognise a file by its path. */
export interface Folders {
  /** Everything the tool keeps: repository, keys, cache, configuration. */
  readonly home: string
  /** The machines' disks, laid out as the tool wants them. */
  readonly input: string
  /** Where a restore goes. */
  readonly output: string
}

/** A backup program, as a list of the commands a user would type. */
export interface Tool {
  /** Names the tool's own folder, so it differs where the settings do. */
  readonly id: string
  /** What it was told, one line for the report. */
  readonly settings: string
  /** Lays out the input folder for the given machines. */
  present(folders: Folders, machines: readonly MachineState[]): void
  /** Writes what the tool needs before its first command; `home` exists and is empty. */
  configure?(folders: Folders): void
  init(folders: Folders): Command
  /** `point` names the recovery point, for a tool that wants a name. */
  backup(folders: Folders, point: string): Command
  /** `point` is the newest one. */
  restore(folders: Folders, machine: string, point: string): Command
  verify(folders: Folders): Command
  /** Where the repository is: its size is reported. */
  repository(folders: Folders): string
  /** Where `restore` puts a machine's disk. */
  restoredDisk(folders: Folders, machine: string): string
}
