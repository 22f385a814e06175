import { join } from 'node:path'
import { tempFolder } from 'holdfast-lab'
import { bootJobs } from './boot-jobs.ts'
import { liveFull, liveIncremental } from './contestants/live-backup.ts'
import { nbdRead } from './contestants/nbd-read.ts'
import { share } from './contestants/shared.ts'
import type { Job } from './jobs.ts'
import type { QemuVersions } from './peers.ts'
import { startLiveGuest } from './qemu/live-guest.ts'
import { holdfastLive } from './tools/holdfast-live.ts'
import { virtnbdbackup } from './tools/virtnbdbackup.ts'
import type { Scale } from './workloads/scale.ts'
import type { Workloads } from './workloads/workloads.ts'

/** What the jobs are made from. */
export interface QemuJobParts {
  readonly workloads: Workloads
  readonly workFolder: string
  readonly scale: Scale
  readonly versions: QemuVersions
}

/** Lists the jobs around QEMU: backups of a running guest, reading over NBD, booting from a backup. */
export function qemuJobs({ workloads, workFolder, scale, versions }: QemuJobParts): readonly Job[] {
  const { diskBytes, writeBytes } = scale.guest
  const shareGuest = () =>
    share(async () =>
      startLiveGuest({
        folder: join(workFolder, 'guest'),
        data: await workloads.guestData(),
        dataBytes: diskBytes,
        writeBytes,
      }),
    )
  const ours = holdfastLive(join(workFolder, 'holdfast-live'))
  const peer = virtnbdbackup(
    join(workFolder, 'virtnbdbackup'),
    `${versions.virtnbdbackup} with libvirt ${versions.libvirt} and QEMU ${versions.qemu}`,
  )
  return [
    {
      id: 'qemu-full',
      title: 'Full backup of a running guest',
      async contestants() {
        const guest = shareGuest()
        return [liveFull('holdfast', guest, ours), liveFull('virtnbdbackup', guest, peer)]
      },
    },
    {
      id: 'qemu-incremental',
      title: 'Backup of what a running guest has written since',
      async contestants() {
        const guest = shareGuest()
        return [
          liveIncremental('holdfast', guest, ours, workFolder),
          liveIncremental('virtnbdbackup', guest, peer, workFolder),
        ]
      },
    },
    {
      id: 'nbd-read',
      title: 'All of an NBD export read from qemu-nbd, and thrown away',
      async contestants() {
        const image = await workloads.nbdExport()
        const folder = tempFolder((remove) => process.once('exit', remove))
        const program = join(import.meta.dirname, 'measure', 'read-nbd-export.ts')
        return [
          nbdRead({
            label: 'holdfast',
            settings:
              "protocol-nbd's client with 2 connections and 16 reads of 512 KiB at once, as in a capture, start of Node included",
            image,
            socket: folder.at('ours.sock'),
            command: (uri) => ({ program: process.execPath, args: [program, uri] }),
          }),
          nbdRead({
            label: 'nbdcopy',
            settings: `nbdcopy ${versions.nbdcopy} to null:, default settings`,
            image,
            socket: folder.at('theirs.sock'),
            command: (uri) => ({ program: 'nbdcopy', args: [uri, 'null:'] }),
          }),
        ]
      },
    },
    ...bootJobs(workFolder, versions.qemu),
  ]
}
