import type { ChangeToken, Tracking } from '@holdfast/core'
import type { BlockNode } from '@holdfast/protocol-qmp'
import { bitmapName, type DiskCheckpoint, readChangeToken } from './checkpoint.js'

/** What can be told of a disk's changes. */
export interface TrackingPlan {
  readonly tracking: Tracking
  /** The checkpoint whose bitmap has the changes; present exactly when they can be told. */
  readonly base?: DiskCheckpoint
  /** The new checkpoint is kept in the image, and outlives QEMU; undefined when the disk takes none. */
  readonly keeps?: 'image' | 'memory'
}

/** Looks whether the bitmap of the last capture is there and whole; what is not makes the disk go in full, with the reason. */
export function planTracking(node: BlockNode, previous: ChangeToken | undefined): TrackingPlan {
  if (node.isReadOnly) return { tracking: { mode: 'full', reason: 'the disk is read-only and takes no bitmap' } }
  const keeps = node.canKeepBitmaps ? 'image' : 'memory'
  const full = (reason: string): TrackingPlan => ({ tracking: { mode: 'full', reason }, keeps })
  if (previous === undefined) return full('no earlier capture')
  const base = readChangeToken(previous)
  if (base === undefined) return full('the change token is of another source')
  const name = bitmapName(base)
  const bitmap = node.bitmaps.find((each) => each.name === name)
  if (bitmap === undefined)
    return full(
      keeps === 'image'
        ? `bitmap ${name} is gone: QEMU did not end cleanly, the disk was replaced, or somebody removed it`
        : `bitmap ${name} is gone: those of ${node.driver} disks do not outlive QEMU`,
    )
  if (bitmap.isInconsistent) return full(`bitmap ${name} is inconsistent: QEMU did not end cleanly`)
  if (!bitmap.isRecording) return full(`bitmap ${name} does not record: somebody disabled it`)
  if (bitmap.granularityBytes !== base.granularityBytes)
    return full(
      `bitmap ${name} has another granularity (${bitmap.granularityBytes} bytes, not ${base.granularityBytes}): it is not the same`,
    )
  return { tracking: { mode: 'incremental', reason: `changes since bitmap ${name}` }, base, keeps }
}
