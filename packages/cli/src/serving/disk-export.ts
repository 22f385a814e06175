import { isBackupError } from '@holdfast/core'
import type { OverlayDisk, ReadableDisk } from '@holdfast/core/engine'
import { allocationState, NbdError, type NbdExport, type StatusExtent } from '@holdfast/protocol-nbd'

/** What clients did with a disk. */
export interface ExportFacts {
  readBytes: number
  writtenBytes: number
}

/** More extents are not told at once: the next request goes on where they end. */
const mostExtents = 1024

/** Shows a disk to NBD clients: as it is, or with an overlay that takes what they write. */
export function diskExport(
  disk: ReadableDisk,
  overlay: OverlayDisk | undefined,
  description: string,
  facts: ExportFacts,
): NbdExport {
  const shown = overlay ?? disk
  return {
    name: disk.id,
    description,
    sizeBytes: disk.sizeBytes,
    // All connections share one overlay.
    canMultiConn: true,
    read: async (offset, into, call) => {
      await numbered(() => shown.read(offset, into, call))
      facts.readBytes += into.byteLength
    },
    blockStatus: async (offset, length, call) => {
      const extents: StatusExtent[] = []
      for await (const extent of shown.extents(offset, length, call)) {
        const flags = extent.kind === 'data' ? 0 : allocationState.hole | allocationState.zero
        extents.push({ length: extent.length, flags })
        if (extents.length === mostExtents) break
      }
      return extents
    },
    ...(overlay !== undefined && writes(overlay, facts)),
  }
}

function writes(overlay: OverlayDisk, facts: ExportFacts): Partial<NbdExport> {
  return {
    canFastZero: true,
    write: async (offset, bytes, call) => {
      await numbered(() => overlay.write(offset, bytes, call))
      facts.writtenBytes += bytes.byteLength
    },
    trim: (offset, length, call) => numbered(() => overlay.writeZeros(offset, length, call)),
    writeZeroes: async (offset, length, { signal, noHole, fast }) => {
      if (noHole && fast) throw new NbdError('io', 'Zeros that take room are written.', { errno: 'ENOTSUP' })
      await numbered(() => overlay.writeZeros(offset, length, { signal, takeRoom: noHole }))
    },
    flush: (call) => numbered(() => overlay.flush(call)),
  }
}

/** Gives what failed the number that clients are told; all else is EIO. */
async function numbered<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (!isBackupError(error)) throw error
    const isFull = ['ENOSPC', 'EDQUOT'].includes(String(error.context['system']))
    throw new NbdError('io', error.message, { errno: isFull ? 'ENOSPC' : 'EIO', cause: error })
  }
}
