import { join } from 'node:path'
import { type QmpSession, runJob } from '@holdfast/protocol-qmp'
import type { Owner } from '../monitor/owner.js'
import { changesBitmap, ownedName } from './names.js'
import type { SnapshotDisk } from './snapshot-disk.js'

/** Where and how long. */
export interface ScratchSettings {
  readonly folder: string
  /** Start of the names of files of this capture: no other has it. */
  readonly prefix: string
  readonly timeoutMs: number
}

/** Fine enough for the guest's blocks, and what QEMU itself takes for images of 64 KiB clusters. */
export const usualGranularityBytes = 65_536

/**
 * Lays a filter over each disk that can put aside what the guest is about to overwrite. The guest does not use it yet.
 *
 * When scratch is full or slow, the snapshot breaks and the guest's write goes through: a guest never sees an error of a
 * backup (`on-cbw-error=break-snapshot`).
 *
 * @throws QmpError
 */
export async function layFilters(
  session: QmpSession,
  owner: Owner,
  disks: readonly SnapshotDisk[],
  { folder, prefix, timeoutMs }: ScratchSettings,
  signal: AbortSignal,
): Promise<void> {
  const call = { signal }
  for (const { disk, number, base } of disks) {
    const { nodeName, sizeBytes } = disk.node
    const name = (role: 'scratch' | 'filter') => ownedName(owner, role, number)
    const filename = join(folder, `${prefix}-${number}.scratch`)
    const id = name('scratch')
    const options = { driver: 'file', filename, size: sizeBytes }
    await runJob(
      session,
      { id, start: () => session.execute('blockdev-create', { 'job-id': id, options }, call) },
      call,
    )
    const scratch = { driver: 'file', 'node-name': name('scratch'), filename, discard: 'unmap' }
    await session.execute('blockdev-add', scratch, call)
    const filter = {
      driver: 'copy-before-write',
      'node-name': name('filter'),
      file: nodeName,
      target: name('scratch'),
      'on-cbw-error': 'break-snapshot',
      'cbw-timeout': Math.ceil(timeoutMs / 1000),
    }
    await session.execute('blockdev-add', filter, call)
    const changes = {
      node: name('filter'),
      name: changesBitmap(nodeName),
      granularity: base?.granularityBytes ?? usualGranularityBytes,
      disabled: true,
    }
    await session.execute('block-dirty-bitmap-add', changes, call)
  }
}
