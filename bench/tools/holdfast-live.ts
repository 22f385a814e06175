import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, measure } from '../measure/measure.ts'
import type { LiveGuest } from '../qemu/live-guest.ts'
import type { LiveTool } from './live-tool.ts'

/** Holdfast at a monitor of its own, with encryption and everything else as it is by default. */
export function holdfastLive(folder: string): LiveTool {
  const configFile = join(folder, 'holdfast.yaml')
  const repository = join(folder, 'vault')
  const output = join(folder, 'restored')
  const command = (args: readonly string[]): Command => ({
    program: 'holdfast',
    args: [...args, '-c', configFile],
    env: { HOLDFAST_PASSPHRASE: 'benchmark', XDG_CACHE_HOME: join(folder, 'cache') },
  })
  const run = () => command(['run', 'bench'])
  return {
    settings: 'dedupe, zstd at its default level, AES-256-GCM, everything else default',
    async startEmpty(guest) {
      await guest.forgetBitmaps()
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      writeFileSync(configFile, configuration(guest, repository))
      await measure(command(['init']), join(folder, 'init.log'))
    },
    full: run,
    incremental: run,
    repository,
    async restore({ name }) {
      rmSync(output, { recursive: true, force: true })
      await measure(command(['restore', `${name}@latest`, '--to', output]), join(folder, 'restore.log'))
      return { image: join(output, name, 'vdb.raw'), format: 'raw' }
    },
  }
}

/** JSON is YAML too, and quotes any path. */
function configuration({ monitorPattern, definitions, scratch }: LiveGuest, path: string): string {
  const passphrase = { env: 'HOLDFAST_PASSPHRASE' }
  const pipeline = {
    source: { use: '@holdfast/source-qemu', with: { monitor: monitorPattern, definitions, scratch } },
    transforms: [{ use: '@holdfast/transform-zstd' }, { use: '@holdfast/transform-aes-gcm', with: { passphrase } }],
    targets: ['vault'],
  }
  const targets = { vault: { use: '@holdfast/target-disk', with: { path } } }
  return JSON.stringify({ targets, pipelines: { bench: pipeline } }, undefined, 2)
}
