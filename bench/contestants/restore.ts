import type { MachineState } from '../tools/tool.ts'
import type { Contestant } from './contestant.ts'
import { filesBelow } from './files-below.ts'
import { clearOutput, compareRestored, restoredBytes } from './prove-restored.ts'
import { pointBefore, type Workshop } from './workshop.ts'

/** Measures the restore of one machine into an empty folder. */
export function restore(workshop: Workshop, label: string, state: MachineState): Contestant {
  const { tool, folders } = workshop
  return {
    label,
    settings: tool.settings,
    async setUp() {
      await workshop.readFrom([state])
      return filesBelow(tool.repository(folders))
    },
    async prepare() {
      await workshop.readFrom([state])
      clearOutput(workshop)
      return tool.restore(folders, state.machine, pointBefore)
    },
    async inspect(firstRound) {
      if (firstRound) await compareRestored(workshop, [state])
      return { restoredBytes: restoredBytes(workshop, [state]) }
    },
    async tearDown() {
      clearOutput(workshop)
    },
  }
}
