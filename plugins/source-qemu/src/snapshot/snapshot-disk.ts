import type { QmpSession } from '@holdfast/protocol-qmp'
import { bitmapName, type Checkpoint, type DiskCheckpoint } from '../checkpoints/checkpoint.js'
import type { AttachedDisk } from '../machines/attached-disks.js'

/** A disk on its way into a capture. */
export interface SnapshotDisk {
  readonly disk: AttachedDisk
  /** Number of the disk within the capture; part of the names of what is made for it. */
  readonly number: number
  /** Where the changes since the last capture are recorded. */
  readonly base?: DiskCheckpoint
  /** The checkpoint that this capture begins. */
  readonly next?: NextCheckpoint
}

/** A checkpoint that is to be made. */
export interface NextCheckpoint extends DiskCheckpoint {
  readonly keeps: 'image' | 'memory'
}

/** The action that adds the bitmap of a checkpoint. */
export function addBitmap(node: string, checkpoint: NextCheckpoint): object {
  return {
    type: 'block-dirty-bitmap-add',
    data: {
      node,
      name: bitmapName(checkpoint),
      granularity: checkpoint.granularityBytes,
      persistent: checkpoint.keeps === 'image',
    },
  }
}

/** The action that lays the changes since a checkpoint into another bitmap. */
export function mergeBitmap(
  target: { readonly node: string; readonly name: string },
  node: string,
  base: Checkpoint,
): object {
  return {
    type: 'block-dirty-bitmap-merge',
    data: { node: target.node, target: target.name, bitmaps: [{ node, name: bitmapName(base) }] },
  }
}

/** Does several things to bitmaps at one moment: all of them or none. */
export async function transaction(session: QmpSession, actions: readonly object[]): Promise<void> {
  if (actions.length > 0) await session.execute('transaction', { actions })
}
