import { BackupError, type CallOptions, isBackupError } from '@holdfast/core'
import type { ReadableDisk } from '@holdfast/core/engine'

/** What reading disks failed with: clients are only told that it did. */
export interface ReadFailures {
  /** Shows a disk as it is, and keeps what fails. */
  readonly watched: (disk: ReadableDisk) => ReadableDisk
  /** Damage if there was any, else what failed first. */
  readonly worst: () => unknown
}

/** Who gives up sooner was not kept waiting. */
const usualPatienceMs = 10_000

/** Starts to keep what fails. A read that is given up after a long wait is a failure of the target, too. */
export function readFailures(patienceMs = usualPatienceMs): ReadFailures {
  let damage: unknown
  let other: unknown
  const note = (error: unknown) => {
    if (isBackupError(error) && error.code === 'E_DAMAGED') damage ??= error
    else other ??= error
  }
  const noting = (disk: ReadableDisk, { signal }: CallOptions) => {
    const startedAt = performance.now()
    return (error: unknown) => {
      const waitedMs = performance.now() - startedAt
      if (!signal.aborted) note(error)
      else if (waitedMs >= patienceMs) note(unanswered(disk, waitedMs))
    }
  }
  return {
    watched: (disk) => ({
      ...disk,
      read: async (offset, into, options) => {
        const onFailure = noting(disk, options)
        try {
          await disk.read(offset, into, options)
        } catch (error) {
          onFailure(error)
          throw error
        }
      },
      extents: async function* (offset, length, options) {
        const onFailure = noting(disk, options)
        try {
          yield* disk.extents(offset, length, options)
        } catch (error) {
          onFailure(error)
          throw error
        }
      },
    }),
    worst: () => damage ?? other,
  }
}

function unanswered({ id }: ReadableDisk, waitedMs: number): BackupError {
  const waited = `${(waitedMs / 1000).toFixed(0)} s`
  return new BackupError('E_TARGET_UNAVAILABLE', `The target did not give what disk '${id}' holds within ${waited}.`, {
    operation: 'read.disk',
    context: { disk: id },
    hint: 'See whether the target answers, or let the disks be restored first: --restore.',
  })
}
