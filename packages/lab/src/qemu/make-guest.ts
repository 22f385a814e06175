import { execFile } from 'node:child_process'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { programEnvironment } from '../programs/run.ts'
import { kernelCommandLine } from './kernel-command-line.ts'

/** A guest that was built. */
export interface GuestImage {
  /** Raw image of its disk: boots by itself from any bus, and has its root on the second partition. */
  readonly disk: string
  /** What `startQemu` takes as `kernel`, to boot in half the time. */
  readonly kernel: { readonly image: string; readonly initrd: string }
}

/** How the guest behaves where it boots by itself. */
export interface MakeGuestOptions {
  /** Whether it stays up after GUEST-READY, instead of powering off. @defaultValue false */
  readonly staysUp?: boolean
}

const run = promisify(execFile)
const buildTimeoutMs = 60_000

/** Builds the guest in a folder, in a few seconds. See guest-init.sh for what it does. */
export async function makeGuest(folder: string, { staysUp = false }: MakeGuestOptions = {}): Promise<GuestImage> {
  const words = kernelCommandLine({ staysUp })
  await run(join(import.meta.dirname, 'make-guest.sh'), [folder, words], { timeout: buildTimeoutMs })
  return {
    disk: join(folder, 'guest.raw'),
    kernel: { image: join(folder, 'kernel'), initrd: join(folder, 'initrd.img') },
  }
}

/** Makes a raw image that holds ext4 and nothing else; as its second disk the guest mounts it at /mnt. */
export async function makeDataDisk(file: string, { sizeBytes }: { readonly sizeBytes: number }): Promise<void> {
  await writeFile(file, '')
  await truncate(file, sizeBytes)
  const args = ['-q', '-F', '-t', 'ext4', '-E', 'lazy_itable_init=0', '-L', 'data', file]
  await run('mke2fs', args, { env: programEnvironment(), timeout: buildTimeoutMs })
}
