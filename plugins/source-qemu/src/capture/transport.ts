import type { CapturedDisk } from '@holdfast/core'
import type { TrackingPlan } from '../checkpoints/plan-tracking.js'
import type { SnapshotDisk } from '../snapshot/snapshot-disk.js'

/** A disk that is captured, and how. */
export interface PlannedDisk extends SnapshotDisk {
  readonly plan: TrackingPlan
}

/** What is read of a disk. */
export type DiskData = Pick<CapturedDisk, 'extents' | 'readInto'>

/** A way by which snapshots leave QEMU; everything slow or likely to fail was done when it was made. */
export interface Transport {
  /** Gives access to the snapshot of a disk, once the moment is fixed. */
  readonly open: (disk: PlannedDisk) => DiskData
  /** Ends all that is under way, before the snapshots are taken out of QEMU. Never rejects. */
  readonly stop: () => Promise<void>
}
