import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { Extent } from '../model/extent.js'
import type { DiskId } from '../model/ids.js'

/** A disk that can be read anywhere, in any order. */
export interface ReadableDisk {
  readonly id: DiskId
  readonly sizeBytes: number
  /**
   * Fills the whole buffer from an offset on.
   *
   * Called: concurrently. Abort, and a failure: the buffer holds anything, and is not touched any more once this settles.
   * @throws BackupError `E_DAMAGED`, `E_USAGE` for a range beyond the end, and what the target throws
   */
  readonly read: (offset: number, into: Uint8Array, options: CallOptions) => Promise<void>
  /** Tells what a range holds: `data` and `zero`, in order, without gaps, neighbours of one kind joined. */
  readonly extents: (offset: number, length: number, options: CallOptions) => AsyncIterable<Extent>
}

/** Refuses a range that is not on the disk. @throws BackupError `E_USAGE` */
export function checkRange({ id, sizeBytes }: Pick<ReadableDisk, 'id' | 'sizeBytes'>, offset: number, length: number) {
  const isOnDisk = Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= sizeBytes
  if (isOnDisk) return
  throw new BackupError('E_USAGE', `Disk '${id}' has ${sizeBytes} bytes, and no ${length} from ${offset} on.`)
}

/** Joins neighbours of one kind, and leaves out what is empty. */
export async function* joinedExtents(extents: AsyncIterable<Extent>): AsyncGenerator<Extent> {
  let open: { offset: number; length: number; kind: Extent['kind'] } | undefined
  for await (const extent of extents) {
    if (extent.length === 0) continue
    if (open?.kind === extent.kind) open.length += extent.length
    else {
      if (open !== undefined) yield open
      open = { ...extent }
    }
  }
  if (open !== undefined) yield open
}
