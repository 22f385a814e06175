import { type CapturedDisk, type ChangeToken, type DiskId, type Extent, isBackupError } from '@holdfast/core'
import { isImageError } from '@holdfast/formats'
import { systemCode } from '@holdfast/machine-files'
import { readError, sourceError } from '../errors.js'
import { sameStamp } from '../files/disk-file.js'
import { printable } from '../printable.js'
import { changedExtents } from '../tracking/changed-extents.js'
import type { DiskTracking } from '../tracking/track-disk.js'
import type { DiskContent } from './disk-content.js'

/** What a captured disk is made of. */
export interface CapturedDiskSettings {
  readonly id: DiskId
  /** Opened at the point in time. */
  readonly content: DiskContent
  readonly tracking: DiskTracking
}

/** Makes one disk of a capture: bytes are only ever given out while all its files are what they were at the point in time. */
export function capturedDisk({
  id,
  content,
  tracking: { tracking, changeToken, changesSince },
}: CapturedDiskSettings): CapturedDisk {
  const { sizeBytes, files } = content
  const path = files[0]?.path ?? ''

  const assertUnchanged = () => {
    for (const file of files) {
      if (sameStamp(file.stamp(), file.opened)) continue
      throw sourceError('E_SOURCE_READ', `Disk '${id}' changed while it was being read (${file.path}).`, {
        operation: 'source.read',
        context: { disk: id, file: file.path },
        hint: 'Image files are not snapshotted: back up a snapshot of the folder, or stop the writer by a quiesce hook for as long as the run takes.',
      })
    }
  }

  /** Makes the error to report of one that reading threw. */
  const failure = (error: unknown, signal: AbortSignal): unknown => {
    if (signal.aborted) return error
    try {
      // A file that changed explains whatever was not understood of it.
      assertUnchanged()
    } catch (changed) {
      return changed
    }
    if (isBackupError(error)) return error
    if (isImageError(error)) {
      const { message, file = path, hint } = error
      return readError(id, file, printable(message), { cause: error, ...(hint !== undefined && { hint }) })
    }
    const code = systemCode(error)
    return code === undefined ? error : readError(id, path, code, { cause: error })
  }

  async function* extents(
    since: ChangeToken | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Extent, void, undefined> {
    signal.throwIfAborted()
    try {
      const whole = { offset: 0, length: sizeBytes }
      if (since === undefined) yield* content.extents(whole, signal)
      else yield* changedExtents(content, await knownChanges(since), signal)
      // Something may have been written while the map was made.
      assertUnchanged()
    } catch (error) {
      throw failure(error, signal)
    }
  }

  const knownChanges = async (since: ChangeToken) => {
    const changes = await changesSince(since)
    if (changes.known) return changes
    throw sourceError('E_CHANGE_TOKEN', `Changes of disk '${id}' cannot be told: ${changes.reason}.`, {
      operation: 'source.extents',
      context: { disk: id },
      hint: 'Capture the disk in full.',
    })
  }

  return {
    id,
    sizeBytes,
    ...(changeToken !== undefined && { changeToken }),
    tracking,
    extents: (since, { signal }) => extents(since, signal),
    readInto: async (offset, into, { signal }) => {
      signal.throwIfAborted()
      if (!Number.isSafeInteger(offset) || offset < 0 || into.byteLength > sizeBytes - offset)
        throw readError(
          id,
          path,
          `bytes ${offset} to ${offset + into.byteLength} are not within its ${sizeBytes} bytes`,
        )
      try {
        await content.read(offset, into, signal)
        assertUnchanged()
      } catch (error) {
        throw failure(error, signal)
      }
    },
  }
}
