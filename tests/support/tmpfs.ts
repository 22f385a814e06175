import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

/** A small file system of its own. */
export interface Mount {
  readonly path: string
  readonly remount: (options: string) => void
  readonly unmount: () => void
}

/** Mounts a small file system, where that is allowed. */
export function mountTmpfs(path: string, size: string): Mount | undefined {
  mkdirSync(path, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  return {
    path,
    remount: (options) => execFileSync('mount', ['-o', `remount,${options}`, path], { stdio: 'ignore' }),
    unmount: () => execFileSync('umount', [path], { stdio: 'ignore' }),
  }
}
