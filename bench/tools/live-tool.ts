import type { Command } from '../measure/measure.ts'
import type { LiveGuest } from '../qemu/live-guest.ts'

/** A program that backs up a guest while it runs, as a list of the commands a user would type. */
export interface LiveTool {
  /** What it was told, one line for the report. */
  readonly settings: string
  /** Forgets all backups, in the guest and here. */
  startEmpty(guest: LiveGuest): Promise<void>
  /** Saves all of the guest. */
  full(guest: LiveGuest): Command
  /** Saves what has changed since the backup before. */
  incremental(guest: LiveGuest): Command
  /** Where the backups are: their size is reported. */
  readonly repository: string
  /** Restores the newest backup and returns the image of the second disk. */
  restore(guest: LiveGuest): Promise<{ readonly image: string; readonly format: 'raw' | 'qcow2' }>
}
