import { type QmpSession, runJob } from '@holdfast/protocol-qmp'
import type { Owner } from '../monitor/owner.js'
import { changesBitmap, ownedName } from '../snapshot/names.js'
import { type SnapshotDisk, transaction } from '../snapshot/snapshot-disk.js'

/** How much of a disk: what changed, that with its surroundings, or everything. */
export type Scope = 'changes' | 'surroundings' | 'everything'

/**
 * Readers cut a disk at places of their own and want whole pieces; ours are never across a multiple of this.
 *
 * What is read around a change is then here after one more job, however many pieces there are.
 */
const surroundingBytes = 4 * 2 ** 20

/**
 * Has QEMU copy a snapshot to the disk's target, and waits for the end.
 *
 * Abort: cancels the job.
 * @throws QmpError `job` with QEMU's words when it fails
 */
export async function copySnapshot(
  session: QmpSession,
  owner: Owner,
  { disk, number, base }: SnapshotDisk,
  scope: Scope,
  signal: AbortSignal,
): Promise<void> {
  const node = ownedName(owner, 'snapshot', number)
  const id = ownedName(owner, 'copy', number)
  const copy = async (what: Readonly<Record<string, string>>) => {
    const start = () =>
      session.execute('blockdev-backup', {
        'job-id': id,
        device: node,
        target: ownedName(owner, 'target', number),
        'auto-dismiss': false,
        ...what,
      })
    await runJob(session, { id, start }, { signal })
  }
  if (scope === 'everything' || base === undefined) return await copy({ sync: 'full' })

  // A job wants a bitmap of its own source, and that cannot see those below the filter.
  const granularity = scope === 'changes' ? base.granularityBytes : surroundingBytes
  const filter = ownedName(owner, 'filter', number)
  const changes = { node: filter, name: changesBitmap(disk.node.nodeName) }
  signal.throwIfAborted()
  await transaction(session, [
    { type: 'block-dirty-bitmap-add', data: { node, name: scope, granularity, disabled: true } },
    { type: 'block-dirty-bitmap-merge', data: { node, target: scope, bitmaps: [changes] } },
  ])
  try {
    await copy({ sync: 'bitmap', bitmap: scope, 'bitmap-mode': 'never' })
  } finally {
    // Where this fails, the bitmap goes with the snapshot.
    await session.execute('block-dirty-bitmap-remove', { node, name: scope }).catch(() => undefined)
  }
}
