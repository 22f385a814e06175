import { join } from 'node:path'
import type { Command } from '../measure/measure.ts'
import { presentImages } from './input-folder.ts'
import type { Tool } from './tool.ts'

const createOptions = ['--chunker-params', 'fixed,1048576', '--sparse', '--compression', 'zstd,1']

/** borg as its manual advises for disk images: fixed chunks of 1 MiB, holes skipped, its fast hash, zstd 1. */
export function borg(version: string): Tool {
  return {
    id: 'borg',
    settings: `borg ${version}, repokey-blake2, fixed 1 MiB chunks, --sparse, zstd 1`,
    present: presentImages,
    init: ({ home }) => command(home, home, ['init', '--encryption', 'repokey-blake2']),
    backup: ({ home, input }, point) => command(home, input, ['create', ...createOptions, `::${point}`, '.']),
    restore: ({ home, output }, machine, point) =>
      command(home, output, ['extract', '--sparse', `::${point}`, `${machine}.raw`]),
    verify: ({ home }) => command(home, home, ['check', '--verify-data']),
    repository: ({ home }) => join(home, 'repository'),
    restoredDisk: ({ output }, machine) => join(output, `${machine}.raw`),
  }
}

function command(home: string, cwd: string, args: readonly string[]): Command {
  return {
    program: 'borg',
    args,
    cwd,
    env: { BORG_REPO: join(home, 'repository'), BORG_PASSPHRASE: 'benchmark', BORG_BASE_DIR: join(home, 'base') },
  }
}
