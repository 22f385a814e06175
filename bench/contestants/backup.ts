import { join } from 'node:path'
import { measure } from '../measure/measure.ts'
import type { MachineState } from '../tools/tool.ts'
import type { Contestant } from './contestant.ts'
import { folderBytes } from './files-below.ts'
import { clearOutput, compareRestored } from './prove-restored.ts'
import type { Workshop } from './workshop.ts'

const point = 'measured'

/** What a backup is measured on. */
export interface BackupJob {
  readonly label: string
  readonly machines: readonly MachineState[]
  /** What the repository already holds; nothing if it is empty. */
  readonly before?: readonly MachineState[]
  /** Restores after the first round, unmeasured, and compares with the images. */
  readonly proved?: boolean
}

/** Measures a backup, each round into a repository that has never seen it. */
export function backup(workshop: Workshop, { label, machines, before, proved = false }: BackupJob): Contestant {
  const { tool, folders } = workshop
  const storedBytes = (): number => folderBytes(tool.repository(folders))
  let bytesBefore = 0
  return {
    label,
    settings: tool.settings,
    async setUp() {
      return machines.map(({ image }) => image)
    },
    async prepare() {
      if (before === undefined) await workshop.startEmpty()
      else await workshop.startFrom(before)
      workshop.touch()
      tool.present(folders, machines)
      bytesBefore = storedBytes()
      return tool.backup(folders, point)
    },
    async inspect(firstRound) {
      const bytesAfter = storedBytes()
      if (firstRound && proved) {
        for (const state of machines) {
          clearOutput(workshop)
          await measure(tool.restore(folders, state.machine, point), join(folders.home, '..', 'proof.log'))
          await compareRestored(workshop, [state])
        }
        clearOutput(workshop)
      }
      return { storedBytes: bytesAfter, addedBytes: bytesAfter - bytesBefore }
    },
    async tearDown() {},
  }
}
