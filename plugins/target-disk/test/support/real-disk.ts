import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A temporary folder on the real disk, removed after the test. */
export async function realFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-disk-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Mounts something on a new folder, unmounted after the test; `undefined` where this user may not mount. */
export async function mounted(...parameters: readonly string[]): Promise<string | undefined> {
  const point = join(await realFolder(), 'mount')
  await mkdir(point)
  if (spawnSync('mount', [...parameters, point]).status !== 0) return undefined
  onTestFinished(() => void spawnSync('umount', ['-l', point]))
  return point
}

/** Remounts a mount point. */
export function remount(point: string, options: string): boolean {
  return spawnSync('mount', ['-o', `remount,${options}`, point]).status === 0
}

/** Skips a test that this machine cannot run, loudly: an error where everything is required. */
export function skipOrFail(skip: (reason: string) => never, reason: string): never {
  if (process.env['HOLDFAST_TEST_REQUIRE'] !== undefined) throw new Error(`required, but skipped: ${reason}`)
  return skip(reason)
}
