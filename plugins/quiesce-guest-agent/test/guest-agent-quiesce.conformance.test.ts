import { join } from 'node:path'
import type { MachineId } from '@holdfast/core'
import { fakeFailure, fakeGuestAgent, noAnswer } from '@holdfast/protocol-qmp/testing'
import { guestAgentQuiesce } from '@holdfast/quiesce-guest-agent'
import { describeQuiesce } from '@holdfast/testkit/vitest'
import { scriptedGuest } from './support/scripted-guest.js'

describeQuiesce('quiesce-guest-agent', async ({ tempFolder }) => {
  const faults = { fail: false, stall: false }
  const { answers, state } = scriptedGuest({
    freeze: (go) => (faults.fail ? fakeFailure('hook has failed') : faults.stall ? [go(), noAnswer][1] : go()),
  })
  const path = join(tempFolder, 'agent')
  await fakeGuestAgent({ answers }).listen(path)
  return {
    create: () => guestAgentQuiesce({ sockets: { database: path } }),
    machine: { id: 'vm-1' as MachineId, name: 'database' },
    observe: async () => state(),
    failFreeze: async (fail) => void Object.assign(faults, { fail }),
    stallFreeze: async (stall) => void Object.assign(faults, { stall }),
  }
})
