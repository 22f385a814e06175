import { join } from 'node:path'
import type { QmpSession } from '@holdfast/protocol-qmp'
import type { Owner } from '../monitor/owner.js'
import type { ScratchSettings } from './lay-filters.js'
import { changesBitmap, ownedName } from './names.js'
import type { SnapshotDisk } from './snapshot-disk.js'

/** Starts QEMU's NBD server on a socket in the scratch folder, and returns its path. @throws QmpError when it is taken */
export async function startServer(
  session: QmpSession,
  owner: Owner,
  { folder, prefix }: ScratchSettings,
): Promise<string> {
  const path = join(folder, `${prefix}.sock`)
  // QEMU has one server at most and does not tell whose it is: this mark does. It is first, lest a server be without one.
  const mark = ownedName(owner, 'server')
  await session.execute('object-add', { 'qom-type': 'throttle-group', id: mark })
  try {
    await session.execute('nbd-server-start', { addr: { type: 'unix', data: { path } }, 'max-connections': 0 })
  } catch (error) {
    // The server is somebody else's, and what has a mark is stopped in the end.
    await session.execute('object-del', { id: mark })
    throw error
  }
  return path
}

/** Makes a node that reads as the disk was at the moment, and returns its name. */
export async function addSnapshot(session: QmpSession, owner: Owner, number: number): Promise<string> {
  const snapshot = ownedName(owner, 'snapshot', number)
  const file = ownedName(owner, 'filter', number)
  await session.execute('blockdev-add', { driver: 'snapshot-access', 'node-name': snapshot, file })
  return snapshot
}

/** Shows a disk's snapshot to clients of the server, with the bitmap of its changes. */
export async function exportSnapshot(session: QmpSession, owner: Owner, { disk, number }: SnapshotDisk): Promise<void> {
  const filter = ownedName(owner, 'filter', number)
  const snapshot = await addSnapshot(session, owner, number)
  await session.execute('block-export-add', {
    id: ownedName(owner, 'export', number),
    type: 'nbd',
    'node-name': snapshot,
    name: exportName(number),
    writable: false,
    bitmaps: [{ node: filter, name: changesBitmap(disk.node.nodeName) }],
  })
}

/** Name of a disk's export. */
export function exportName(number: number): string {
  return `disk-${number}`
}
