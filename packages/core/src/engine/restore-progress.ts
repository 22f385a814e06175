import type { RecoveryPoint, StoredDisk } from '../repository/recovery-point.js'
import type { OnEvent } from './events.js'

/** Tells of a disk that is being restored. */
export interface RestoreProgress {
  /** Notes bytes that were written; `positionBytes` says how far the disk is. */
  readonly wrote: (bytes: number, positionBytes: number) => void
  readonly finish: () => void
  readonly writtenBytes: () => number
}

/** Says that a disk is begun; progress is told at most five times a second. */
export function restoreProgress(
  point: RecoveryPoint,
  { id: disk, sizeBytes }: StoredDisk,
  onEvent: OnEvent = () => {},
): RestoreProgress {
  const machine = point.machine.name
  let written = 0
  let shownAt = 0
  onEvent({ type: 'disk-started', machine, disk, sizeBytes, mode: 'full', reason: `restoring ${point.id}` })
  return {
    wrote: (bytes, positionBytes) => {
      written += bytes
      const now = Date.now()
      if (now - shownAt < 200) return
      shownAt = now
      onEvent({ type: 'disk-progress', machine, disk, sizeBytes, positionBytes, transferredBytes: written })
    },
    finish: () => onEvent({ type: 'disk-finished', machine, disk, readBytes: written }),
    writtenBytes: () => written,
  }
}
