import { setTimeout as delay } from 'node:timers/promises'
import { tempFolder } from '../folders/temp-folder.ts'
import type { LabDisk } from './disk-arguments.ts'
import { startQemu } from './start-qemu.ts'

/** A disk to boot from. */
export type BootDisk = Pick<LabDisk, 'file' | 'format' | 'bus'>

/**
 * Boots a disk by itself, without writing to it, and returns what the guest printed.
 *
 * The guest of `makeGuest` powers itself off; whatever does not is killed.
 */
export async function bootGuest(disk: BootDisk, timeoutMs = 120_000): Promise<string> {
  using folder = tempFolder()
  await using qemu = await startQemu({ folder: folder.path, disks: [{ ...disk, id: 'boot', discardsWrites: true }] })
  await Promise.race([qemu.ended, delay(timeoutMs, undefined, { ref: false })])
  return qemu.serial.text()
}
