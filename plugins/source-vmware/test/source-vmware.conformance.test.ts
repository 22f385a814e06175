import { randomBytes } from 'node:crypto'
import type { MachineId, MachineRef } from '@holdfast/core'
import { describeSource } from '@holdfast/testkit/vitest'
import { diskBytes, fakeSite } from './support/fake-site.js'

describeSource('source-vmware', async ({ onCleanup }) => {
  const site = await fakeSite([{ name: 'web' }, { name: 'db' }])
  onCleanup(() => site[Symbol.asyncDispose]())
  const names = ['web', 'db']
  const found = (id: string) => {
    const machine = site.machines.find(({ instanceUuid }) => instanceUuid === id)
    if (machine === undefined) throw new Error(`no machine ${id}`)
    return machine
  }
  const numberOf = (disk: string) => Number(disk.split(':')[1])
  const write = (id: string, disk: number) => {
    const content = found(id).content(disk)
    content.set(randomBytes(200_000), Math.floor(Math.random() * (diskBytes - 200_000)))
  }
  for (const { instanceUuid } of site.machines) for (const disk of [0, 1]) write(instanceUuid, disk)
  return {
    create: () => site.source(),
    machines: site.machines.map(
      ({ instanceUuid }, at): MachineRef => ({ id: instanceUuid as MachineId, name: names[at] ?? '' }),
    ),
    reference: async (machine, disk) => Buffer.from(found(machine).content(numberOf(disk))),
    mutate: async (machine, disk) => write(machine, numberOf(disk)),
    change: async (machine) => write(machine, 0),
    inventory: async () => site.machines.map((each) => `${each.instanceUuid} ${each.snapshots()}`),
  }
})
