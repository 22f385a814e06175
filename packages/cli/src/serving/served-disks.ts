import type { DiskId, PointId } from '@holdfast/core'
import { type OverlayDisk, overlayDisk, type ReadableDisk } from '@holdfast/core/engine'
import type { NbdExport } from '@holdfast/protocol-nbd'
import { diskExport, type ExportFacts } from './disk-export.js'

/** Where overlays are. */
export interface OverlayFolder {
  readonly path: string
  /** The point that an overlay is kept for. */
  readonly keptFor: PointId | undefined
}

/** The exports of the disks of a point, and what clients did with each. Disposal closes the overlays. */
export interface ServedDisks extends AsyncDisposable {
  readonly exports: readonly NbdExport[]
  readonly facts: readonly ({ readonly disk: DiskId } & ExportFacts)[]
}

/** Makes exports of disks, with an overlay over each unless they are read-only. */
export async function servedDisks(
  disks: readonly ReadableDisk[],
  describe: (disk: DiskId) => string,
  folder: OverlayFolder | undefined,
  signal: AbortSignal,
): Promise<ServedDisks> {
  const overlays: OverlayDisk[] = []
  const close = async () => {
    const ends = await Promise.allSettled(overlays.map((overlay) => overlay[Symbol.asyncDispose]()))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }
  const exports: NbdExport[] = []
  const facts: ({ disk: DiskId } & ExportFacts)[] = []
  try {
    for (const disk of disks) {
      const fact = { disk: disk.id, readBytes: 0, writtenBytes: 0 }
      let overlay: OverlayDisk | undefined
      if (folder !== undefined) {
        const { path, keptFor } = folder
        overlay = await overlayDisk(disk, { folder: path, signal, ...(keptFor !== undefined && { keptFor }) })
        overlays.push(overlay)
      }
      facts.push(fact)
      exports.push(diskExport(disk, overlay, describe(disk.id), fact))
    }
  } catch (error) {
    await close()
    throw error
  }
  return { exports, facts, [Symbol.asyncDispose]: close }
}
