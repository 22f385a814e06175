import type { MachineId } from '@holdfast/core'
import { recordingQuiesce } from '../src/memory/index.js'
import { describeQuiesce } from '../src/vitest.js'

describeQuiesce('recordingQuiesce', () => {
  const hook = recordingQuiesce()
  const machine = { id: 'web-1' as MachineId, name: 'web-1' }
  return {
    create: () => hook,
    machine,
    observe: async () => hook.state(machine),
    failFreeze: async (fail) => hook.behave(fail ? 'failing' : 'normal'),
    stallFreeze: async (stall) => hook.behave(stall ? 'stalling' : 'normal'),
  }
})
