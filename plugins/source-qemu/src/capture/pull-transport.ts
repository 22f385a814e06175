import type { DiskId } from '@holdfast/core'
import { connectNbd, type NbdClient } from '@holdfast/protocol-nbd'
import { fromQemu, type Monitor } from '../monitor/monitor.js'
import type { Owner } from '../monitor/owner.js'
import type { ScratchSettings } from '../snapshot/lay-filters.js'
import { changesBitmap } from '../snapshot/names.js'
import { exportName, exportSnapshot, startServer } from '../snapshot/serve-disks.js'
import { exportedDisk } from './exported-disk.js'
import type { PlannedDisk, Transport } from './transport.js'

/** Has QEMU serve the snapshots, of which is read what is asked for. @throws QmpError when its server is taken */
export async function pullTransport(
  { machine, session }: Monitor,
  owner: Owner,
  scratch: ScratchSettings,
): Promise<Transport> {
  const clients = new Map<DiskId, Promise<NbdClient>>()
  const path = await startServer(session, owner, scratch)
  const connect = async (disk: PlannedDisk): Promise<NbdClient> => {
    await fromQemu(machine, 'export', () => exportSnapshot(session, owner, disk))
    return await connectNbd(
      { path },
      {
        exportName: exportName(disk.number),
        metaContexts: ['base:allocation', changesContext(disk)],
        connections: 2,
        timeoutMs: 60_000,
      },
    )
  }
  return {
    open: (disk) =>
      exportedDisk({
        machine,
        id: disk.disk.id,
        changes: changesContext(disk),
        scratchFolder: scratch.folder,
        client: () => {
          const known = clients.get(disk.disk.id) ?? connect(disk)
          clients.set(disk.disk.id, known)
          return known
        },
      }),
    stop: async () => {
      for (const client of clients.values())
        await client.then((open) => open[Symbol.asyncDispose]()).catch(() => undefined)
    },
  }
}

function changesContext({ disk }: PlannedDisk): string {
  return `qemu:dirty-bitmap:${changesBitmap(disk.node.nodeName)}`
}
