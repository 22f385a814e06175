import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TgtdLibrary } from 'holdfast-lab'
import type { Command } from '../measure/measure.ts'
import { runQuietly } from '../measure/run-quietly.ts'
import { environmentFor, holdfast } from './holdfast.ts'
import type { Folders, MachineState } from './tool.ts'

/** Holdfast with a repository on disk and a tape library to copy it to. */
export interface HoldfastTape {
  readonly settings: string
  /** Makes a repository on disk with one backup of a machine, once. */
  backUp(state: MachineState): Promise<void>
  /** Forgets all that is known of tapes, and writes the configuration anew: a library that was started again has another port. */
  forgetTapes(library: TgtdLibrary): void
  /** Copies the repository to a new set of cartridges. */
  copy(): Command
  /** Restores a machine from the tape alone. */
  restore(machine: string): Command
  readonly repository: string
  /** Where `restore` goes. */
  readonly output: string
  restoredDisk(machine: string): string
}

/** Sets it up in a folder of its own. */
export function holdfastTape(folder: string): HoldfastTape {
  const tool = holdfast()
  const folders: Folders = { home: join(folder, 'home'), input: join(folder, 'input'), output: join(folder, 'output') }
  const configFile = join(folder, 'tape.yaml')
  const state = join(folder, 'tape-state')
  const repository = tool.repository(folders)
  const command = (args: readonly string[]): Command => ({
    program: 'holdfast',
    args: [...args, '-c', configFile],
    env: environmentFor(folders),
  })
  let isBackedUp = false
  return {
    settings: `${tool.settings}, one cartridge, a set of its own each time`,
    async backUp(machine) {
      if (isBackedUp) return
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folders.home, { recursive: true })
      tool.configure?.(folders)
      tool.present(folders, [machine])
      for (const step of [tool.init(folders), tool.backup(folders, 'before')]) await runCommand(step)
      isBackedUp = true
    },
    forgetTapes(library) {
      rmSync(state, { recursive: true, force: true })
      mkdirSync(dirname(configFile), { recursive: true })
      writeFileSync(configFile, configuration({ repository, input: folders.input, state, library }))
    },
    copy: () => command(['copy', '--all', '--from', 'vault', '--to', 'tape']),
    restore: (machine) => command(['restore', `${machine}@latest`, '--target', 'tape', '--to', folders.output]),
    repository,
    output: folders.output,
    restoredDisk: (machine) => tool.restoredDisk(folders, machine),
  }
}

/** Runs a command of Holdfast that is not measured. */
export async function runCommand({ program, args, env = {} }: Command): Promise<void> {
  await runQuietly(program, args, { env })
}

interface Places {
  readonly repository: string
  readonly input: string
  readonly state: string
  readonly library: TgtdLibrary
}

/** JSON is YAML too, and quotes any path. */
function configuration({ repository, input, state, library }: Places): string {
  const { host, port, target, changerLun: changer, driveLuns: drives } = library
  const passphrase = { env: 'HOLDFAST_PASSPHRASE' }
  const tape = {
    library: { kind: 'iscsi', host, port, target, changer, drives },
    pool: 'bench',
    state,
    allocation: 'new',
  }
  return JSON.stringify(
    {
      targets: {
        vault: { use: '@holdfast/target-disk', with: { path: repository } },
        tape: { use: '@holdfast/target-tape', with: tape },
      },
      pipelines: {
        bench: {
          source: { use: '@holdfast/source-image', with: { path: input } },
          transforms: [
            { use: '@holdfast/transform-zstd' },
            { use: '@holdfast/transform-aes-gcm', with: { passphrase } },
          ],
          targets: ['vault'],
        },
      },
    },
    undefined,
    2,
  )
}
