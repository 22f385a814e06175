import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
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
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-boot-'))
  try {
    await using qemu = await startQemu({ folder, disks: [{ ...disk, id: 'boot', discardsWrites: true }] })
    await Promise.race([qemu.ended, delay(timeoutMs, undefined, { ref: false })])
    return qemu.serial.text()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
