import { randomBytes } from 'node:crypto'
import type { MachineId, MachineRef } from '@holdfast/core'
import { diskBytes, type FakeSite } from './fake-site.js'

const burstBytes = 200_000

/** The guests of a site, with something on all their disks. */
export function guestsOf({ machines, server }: FakeSite) {
  const found = (id: string) => {
    const machine = machines.find(({ instanceUuid }) => instanceUuid === id)
    if (machine === undefined) throw new Error(`no machine ${id}`)
    return machine
  }
  const disk = (id: string, name: string) => found(id).content(Number(name.split(':')[1]))
  /** Writes to a disk, such as `scsi0:1`, anywhere on it. */
  const write = (id: string, name: string) =>
    disk(id, name).set(randomBytes(burstBytes), Math.floor(Math.random() * (diskBytes - burstBytes)))
  for (const { instanceUuid } of machines) for (const name of ['scsi0:0', 'scsi0:1']) write(instanceUuid, name)
  return {
    machines: machines.map(
      ({ instanceUuid, ref }): MachineRef => ({
        id: instanceUuid as MachineId,
        name: String(server.objects.get(ref, 'name')),
      }),
    ),
    content: (id: string, name: string) => Buffer.from(disk(id, name)),
    write,
  }
}
