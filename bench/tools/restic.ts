import { join } from 'node:path'
import type { Command } from '../measure/measure.ts'
import { presentImages } from './input-folder.ts'
import type { Folders, Tool } from './tool.ts'

/** restic with its defaults; it always encrypts. Keeps holes on restore where its version can. */
export function restic(version: string): Tool {
  const keepsHoles = canKeepHoles(version)
  return {
    id: 'restic',
    settings: `restic ${version}, default settings, ${keepsHoles ? 'restore --sparse' : 'cannot keep holes on restore'}`,
    present: presentImages,
    init: (folders) => command(folders, ['init']),
    backup: (folders) => command(folders, ['backup', folders.input]),
    restore: (folders, machine) =>
      command(folders, [
        'restore',
        'latest',
        ...(keepsHoles ? ['--sparse'] : []),
        '--include',
        join(folders.input, `${machine}.raw`),
        '--target',
        folders.output,
      ]),
    verify: (folders) => command(folders, ['check', '--read-data']),
    repository: ({ home }) => join(home, 'repository'),
    restoredDisk: ({ input, output }, machine) => join(output, input, `${machine}.raw`),
  }
}

/** `restore --sparse` came with 0.15. */
function canKeepHoles(version: string): boolean {
  const [major, minor] = version.split('.').map(Number)
  if (major === undefined || minor === undefined) throw new Error(`Not a version of restic: ${version}`)
  return major > 0 || minor >= 15
}

function command({ home }: Folders, args: readonly string[]): Command {
  return {
    program: 'restic',
    args,
    env: {
      RESTIC_REPOSITORY: join(home, 'repository'),
      RESTIC_PASSWORD: 'benchmark',
      RESTIC_CACHE_DIR: join(home, 'cache'),
    },
  }
}
