import { isQmpError } from '@holdfast/protocol-qmp'
import type { PlannedDisk, Transport } from '../capture/transport.js'
import { sourceError } from '../errors.js'
import type { Monitor } from '../monitor/monitor.js'
import type { Owner } from '../monitor/owner.js'
import { ownedName } from '../snapshot/names.js'
import { addSnapshot, exportName } from '../snapshot/serve-disks.js'
import { copySnapshot } from './copy-snapshot.js'
import { pushedDisk } from './pushed-disk.js'
import type { Spool } from './spool.js'
import type { SpoolServer } from './spool-server.js'

/** What is pushed, and where to. */
export interface Pushing {
  readonly disks: readonly PlannedDisk[]
  readonly spools: SpoolServer
  readonly scratchFolder: string
}

/**
 * Has QEMU connect each disk to a spool of ours, so that a QEMU that cannot reach it is found out before anything is frozen;
 * what is read of a disk, QEMU then writes there.
 *
 * @throws BackupError `E_SOURCE_UNAVAILABLE`; QmpError
 */
export async function pushTransport(
  monitor: Monitor,
  owner: Owner,
  { disks, spools, scratchFolder }: Pushing,
): Promise<Transport> {
  const { machine, session } = monitor
  const filled = new Map<number, Spool>()
  for (const { number, disk } of disks) {
    const name = exportName(number)
    filled.set(number, await spools.add(name, disk.node.sizeBytes))
    const node = { driver: 'nbd', 'node-name': ownedName(owner, 'target', number), export: name }
    await session
      .execute('blockdev-add', { ...node, server: { type: 'unix', path: spools.path } })
      .catch((error: unknown) => {
        throw isQmpError(error) && error.code === 'command' ? unreachable(machine, spools, error) : error
      })
  }
  const opened: { readonly stop: () => Promise<void> }[] = []
  return {
    open: (planned) => {
      const { number, disk, base } = planned
      const spool = filled.get(number)
      if (spool === undefined) throw new RangeError(`disk ${number} was not prepared`)
      let hasSnapshot = false
      const data = pushedDisk({
        machine,
        id: disk.id,
        sizeBytes: disk.node.sizeBytes,
        tracksChanges: base !== undefined,
        scratchFolder,
        tempDir: spools.tempDir,
        spool,
        copy: async (scope, signal) => {
          signal.throwIfAborted()
          if (!hasSnapshot) await addSnapshot(session, owner, number)
          hasSnapshot = true
          await copySnapshot(session, owner, planned, scope, signal)
        },
      })
      opened.push(data)
      return data
    },
    stop: async () => {
      await Promise.all(opened.map((data) => data.stop()))
    },
  }
}

function unreachable(machine: string, { folder }: SpoolServer, cause: Error): Error {
  return sourceError('E_SOURCE_UNAVAILABLE', `QEMU of machine '${machine}' cannot reach Holdfast: ${cause.message}.`, {
    operation: 'source.prepare',
    context: { machine },
    hint: `QEMU must be able to open a socket in ${folder}: run both on one host and as one user, or use transport: pull.`,
    cause,
  })
}
