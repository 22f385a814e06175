import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { skipsUnless } from '../programs/skips-without.ts'
import { tempFolder } from './temp-folder.ts'

/** A small file system of its own, until it is disposed. */
export interface Tmpfs extends Disposable {
  readonly path: string
  readonly remount: (options: string) => void
}

/** Mounts a small file system on a folder, which is made. */
export function mountTmpfs(path: string, size: string): Tmpfs {
  mkdirSync(path, { recursive: true })
  const mount = (...args: readonly string[]) => execFileSync('mount', [...args, path], { stdio: 'pipe' })
  mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs')
  return {
    path,
    remount: (options) => mount('-o', `remount,${options}`),
    [Symbol.dispose]: () => execFileSync('umount', ['--lazy', path], { stdio: 'pipe' }),
  }
}

/** Tells whether a test is skipped because no tmpfs can be mounted, as `skipsWithout` does for programs. */
export function skipsWithoutTmpfs(): boolean {
  using folder = tempFolder()
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder.path]).status === 0
  if (isMounted) execFileSync('umount', [folder.path])
  return skipsUnless(isMounted, 'tmpfs cannot be mounted, so no folder can be full or read-only')
}
