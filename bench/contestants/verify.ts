import type { MachineState } from '../tools/tool.ts'
import type { Contestant } from './contestant.ts'
import { filesBelow } from './files-below.ts'
import type { Workshop } from './workshop.ts'

/** Measures a check of the whole repository that reads, decrypts and hashes all its data. */
export function verify(workshop: Workshop, label: string, state: MachineState): Contestant {
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
      return tool.verify(folders)
    },
    async inspect() {
      return {}
    },
    async tearDown() {},
  }
}
