import { type CapturedDisk, type ChangeToken, type Extent, isBackupError } from '@holdfast/core'
import type { ByteRange } from './byte-range.js'
import { type DiskFile, type FileStamp, sameStamp } from './disk-file.js'
import { sourceError, systemCode } from './errors.js'
import { walkHoles } from './hole-map.js'
import type { HoleSeeker } from './hole-seeker.js'
import type { DiskDescription } from './machine-description.js'
import { changedSince, decideTracking } from './recorded-changes.js'

/** What a captured disk is made of. */
export interface CapturedDiskSettings {
  readonly disk: DiskDescription
  readonly file: DiskFile
  /** The file as it was at the point in time. */
  readonly stamp: FileStamp
  readonly seeker: HoleSeeker | undefined
  readonly previous: ChangeToken | undefined
}

// Between two pieces an abort is noticed; a read under way fills the caller's memory and has to be waited for.
const pieceBytes = 8 * 2 ** 20

/** Makes one disk of a capture: bytes are only ever given out while the file is what it was at the point in time. */
export function capturedDisk({ disk, file, stamp, seeker, previous }: CapturedDiskSettings): CapturedDisk {
  const { id, changeToken } = disk
  const { sizeBytes } = stamp

  const fail = (problem: string, cause?: unknown) =>
    sourceError('E_SOURCE_READ', `Disk '${id}' cannot be read: ${problem} (${file.path}).`, {
      operation: 'source.read',
      context: { disk: id, file: file.path },
      hint: 'Check the storage and the permissions of the file, then run again.',
      ...(cause !== undefined && { cause }),
    })

  const onSystemError = (cause: unknown) =>
    isBackupError(cause) || systemCode(cause) === undefined ? cause : fail(String(systemCode(cause)), cause)

  const assertUnchanged = () => {
    if (sameStamp(file.stamp(), stamp)) return
    throw sourceError('E_SOURCE_READ', `Disk '${id}' changed while it was being read (${file.path}).`, {
      operation: 'source.read',
      context: { disk: id, file: file.path },
      hint: 'Raw files are not snapshotted: back up a snapshot of the folder, or stop the writer by a quiesce hook for as long as the run takes.',
    })
  }

  const readPieces = async (offset: number, into: Uint8Array, signal: AbortSignal) => {
    let filled = 0
    while (filled < into.byteLength) {
      const length = Math.min(pieceBytes, into.byteLength - filled)
      const bytesRead = await file.read(into, filled, length, offset + filled)
      signal.throwIfAborted()
      if (bytesRead === 0) {
        assertUnchanged()
        throw fail(`it ends at ${offset + filled} bytes, before its size of ${sizeBytes}`)
      }
      filled += bytesRead
    }
    assertUnchanged()
  }

  async function* extents(
    since: ChangeToken | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Extent, void, undefined> {
    const ranges: readonly ByteRange[] = since === undefined ? [{ offset: 0, length: sizeBytes }] : rangesSince(since)
    yield* walkHoles(ranges, { seeker, fd: file.fd, signal })
    try {
      // A hole may have been filled while the map was made.
      assertUnchanged()
    } catch (error) {
      throw onSystemError(error)
    }
  }

  const rangesSince = (token: ChangeToken) => {
    const changed = changedSince(disk, sizeBytes, token)
    if (changed.known) return changed.ranges
    throw sourceError('E_CHANGE_TOKEN', `Changes of disk '${id}' cannot be told: ${changed.reason}.`, {
      operation: 'source.extents',
      context: { disk: id },
      hint: 'Capture the disk in full.',
    })
  }

  return {
    id,
    sizeBytes,
    ...(changeToken !== undefined && { changeToken }),
    tracking: decideTracking(disk, sizeBytes, previous),
    extents: (since, { signal }) => extents(since, signal),
    readInto: async (offset, into, { signal }) => {
      signal.throwIfAborted()
      if (!Number.isSafeInteger(offset) || offset < 0 || into.byteLength > sizeBytes - offset) {
        throw fail(`bytes ${offset} to ${offset + into.byteLength} are not within its ${sizeBytes} bytes`)
      }
      try {
        await readPieces(offset, into, signal)
      } catch (error) {
        throw onSystemError(error)
      }
    },
  }
}
