import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from '../measure/measure.ts'
import type { Folders, MachineState, Tool } from './tool.ts'

/** Holdfast, which can do more than the others. */
export interface HoldfastTool extends Tool {
  /** Shows the disks of the newest point over NBD, until it is stopped. */
  serve(folders: Folders, machine: string): Command
}

/** Holdfast with encryption, as a user would configure it; `level` of zstd is the plugin's default unless given. */
export function holdfast(level?: number): HoldfastTool {
  const zstd = level === undefined ? 'zstd at its default level' : `zstd ${level}`
  return {
    id: level === undefined ? 'holdfast' : `holdfast-zstd-${level}`,
    settings: `${zstd}, AES-256-GCM, everything else default`,
    present: presentMachines,
    configure: (folders) => writeFileSync(configFile(folders), configuration(folders, level)),
    init: (folders) => command(folders, ['init']),
    backup: (folders) => command(folders, ['run', 'bench']),
    restore: (folders, machine) => command(folders, ['restore', `${machine}@latest`, '--to', folders.output]),
    serve: (folders, machine) => command(folders, ['serve', `${machine}@latest`]),
    verify: (folders) => command(folders, ['verify', '--read-data']),
    repository: ({ home }) => join(home, 'vault'),
    restoredDisk: ({ output }, machine) => join(output, machine, 'disk0.raw'),
  }
}

function presentMachines({ input }: Folders, machines: readonly MachineState[]): void {
  rmSync(input, { recursive: true, force: true })
  for (const { machine, image, changeToken, changes } of machines) {
    const folder = join(input, machine)
    mkdirSync(folder, { recursive: true })
    linkSync(image, join(folder, 'disk0.raw'))
    const disk = { id: 'disk0', file: 'disk0.raw', changeToken, changes }
    writeFileSync(join(folder, 'machine.json'), JSON.stringify({ name: machine, disks: [disk] }))
  }
}

/** JSON is YAML too, and quotes any path. */
function configuration({ home, input }: Folders, level: number | undefined): string {
  const zstd = { use: '@holdfast/transform-zstd', ...(level === undefined ? {} : { with: { level } }) }
  const passphrase = { env: 'HOLDFAST_PASSPHRASE' }
  return JSON.stringify(
    {
      targets: { vault: { use: '@holdfast/target-disk', with: { path: join(home, 'vault') } } },
      pipelines: {
        bench: {
          source: { use: '@holdfast/source-image', with: { path: input } },
          transforms: [zstd, { use: '@holdfast/transform-aes-gcm', with: { passphrase } }],
          targets: ['vault'],
        },
      },
    },
    undefined,
    2,
  )
}

/** What its commands find in their environment. */
export function environmentFor({ home }: Folders): Readonly<Record<string, string>> {
  return { HOLDFAST_PASSPHRASE: 'benchmark', XDG_CACHE_HOME: join(home, 'cache') }
}

function configFile({ home }: Folders): string {
  return join(home, 'holdfast.yaml')
}

function command(folders: Folders, args: readonly string[]): Command {
  return {
    program: 'holdfast',
    args: [...args, '-c', configFile(folders)],
    env: environmentFor(folders),
  }
}
