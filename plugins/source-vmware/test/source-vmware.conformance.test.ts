import { describeSource } from '@holdfast/testkit/vitest'
import { fakeSite } from './support/fake-site.js'
import { guestsOf } from './support/guests.js'

describeSource('source-vmware', async ({ onCleanup }) => {
  const site = await fakeSite([{ name: 'web' }, { name: 'db' }])
  onCleanup(() => site[Symbol.asyncDispose]())
  const guests = guestsOf(site)
  return {
    create: () => site.source(),
    machines: guests.machines,
    reference: async (machine, disk) => guests.content(machine, disk),
    mutate: async (machine, disk) => guests.write(machine, disk),
    change: async (machine) => guests.write(machine, 'scsi0:0'),
    inventory: async () => site.machines.map((each) => `${each.instanceUuid} ${each.snapshots()}`),
  }
})
