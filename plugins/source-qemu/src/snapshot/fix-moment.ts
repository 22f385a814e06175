import { type QmpSession, queryStatus } from '@holdfast/protocol-qmp'
import type { Owner } from '../monitor/owner.js'
import { attach } from './clean-up.js'
import { changesBitmap, ownedName } from './names.js'
import { addBitmap, mergeBitmap, type SnapshotDisk, transaction } from './snapshot-disk.js'

/**
 * Fixes the point in time: puts every disk under its filter, begins the next checkpoint and fetches the changes since the last.
 *
 * The order is what makes it safe while the guest writes: the next checkpoint records before the moment, the changes are
 * fetched after it; a write in between is in both, and read or recorded once too often, never missed.
 * A machine with several disks stands still for it, some milliseconds, so that no disk is later than another; the janitor lets
 * it go on should this process die meanwhile.
 *
 * @throws QmpError
 */
export async function fixMoment(session: QmpSession, owner: Owner, disks: readonly SnapshotDisk[]): Promise<void> {
  const written = disks.filter(({ disk }) => !disk.node.isReadOnly)
  await whileStanding(session, owner, written.length > 1, async () => {
    await transaction(
      session,
      disks.flatMap(({ disk, next }) => (next === undefined ? [] : [addBitmap(disk.node.nodeName, next)])),
    )
    for (const { disk, number } of disks) await attach(session, disk.qdev, ownedName(owner, 'filter', number))
    await transaction(
      session,
      disks.flatMap(({ disk: { node }, number, base }) => {
        const changes = { node: ownedName(owner, 'filter', number), name: changesBitmap(node.nodeName) }
        return base === undefined ? [] : [mergeBitmap(changes, node.nodeName, base)]
      }),
    )
  })
}

async function whileStanding(
  session: QmpSession,
  owner: Owner,
  mustStand: boolean,
  action: () => Promise<void>,
): Promise<void> {
  const { isRunning } = await queryStatus(session)
  if (!mustStand || !isRunning) return await action()
  const mark = ownedName(owner, 'paused')
  await session.execute('object-add', { 'qom-type': 'throttle-group', id: mark })
  try {
    await session.execute('stop')
    await action()
  } finally {
    await session.execute('cont')
    await session.execute('object-del', { id: mark })
  }
}
