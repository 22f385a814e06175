import type { Capture, CaptureRequest, Clock, DiskId, DiskSpec, Logger, Machine, UnavailableDisk } from '@holdfast/core'
import { capturedDisk } from './disks/captured-disk.js'
import type { DiskContent } from './disks/disk-content.js'
import { isSettled, type OpenDisks, openAtRest } from './disks/open-at-rest.js'
import { type OpeningRules, openDisk } from './disks/open-disk.js'
import { sharedImages } from './disks/shared-images.js'
import type { DiskDescription } from './machines/machine-description.js'
import type { FolderMachine } from './machines/machine-folder.js'
import { printable } from './printable.js'
import { trackDisk } from './tracking/track-disk.js'

/** What taking a capture needs. */
export interface CaptureSettings {
  readonly machine: FolderMachine
  readonly disks: readonly DiskDescription[]
  readonly opening: OpeningRules
  readonly request: CaptureRequest
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** Opens the files of a machine's disks and remembers what they are; that moment is the point in time. */
export async function takeCapture(settings: CaptureSettings): Promise<Capture> {
  const { machine, disks, opening, request, clock, logger, signal } = settings
  const opened: OpenDisks = new Map()
  const release = async () => {
    await Promise.all([...opened.values()].map(async (disk) => disk.kind === 'open' && disk.content.close()))
  }
  try {
    await openAtRest(disks, opened, { open: (disk) => openDisk(disk, opening), clock, signal })
    const takenAt = clock.now()
    const ready: { readonly disk: DiskDescription; readonly content: DiskContent }[] = []
    const unavailable: UnavailableDisk[] = []
    const sizes = new Map<DiskId, number>()
    const shared = sharedImages(opened)
    for (const disk of disks) {
      const found = opened.get(disk.id)
      if (found?.kind === 'open') sizes.set(disk.id, found.content.sizeBytes)
      const ambiguity = shared.get(disk.id)
      if (ambiguity !== undefined) unavailable.push(missing(disk, ambiguity))
      else if (found?.kind === 'open' && isSettled(found)) ready.push({ disk, content: found.content })
      else unavailable.push(missing(disk, found?.kind === 'unavailable' ? found.reason : beingWritten))
    }
    for (const { disk, content } of ready) warnIfStale(machine, disk, content, logger)
    const captured = await Promise.all(
      ready.map(async ({ disk, content }) => {
        const previous = request.previous.get(disk.id)
        return capturedDisk({
          id: disk.id,
          content,
          tracking: await trackDisk({ disk, content, previous, now: takenAt }),
        })
      }),
    )
    signal.throwIfAborted()
    return {
      machine: neutralMachine(machine, disks, sizes),
      consistency: 'crash',
      takenAt,
      disks: captured,
      unavailable,
      acknowledge: async () => {},
      [Symbol.asyncDispose]: release,
    }
  } catch (error) {
    await release()
    throw error
  }
}

const beingWritten = 'it is being written to; back up a snapshot of it, or stop its writer by a quiesce hook'

function missing({ id, file }: DiskDescription, reason: string): UnavailableDisk {
  return { id, reason: file === '' ? reason : `${printable(file)}: ${reason}` }
}

function warnIfStale(
  { describedNs, ref }: FolderMachine,
  disk: DiskDescription,
  { files }: DiskContent,
  logger: Logger,
): void {
  if (disk.changeToken === undefined || describedNs === undefined) return
  if (files.every(({ opened }) => opened.modifiedNs <= describedNs)) return
  logger.warn(
    'image is newer than the machine.json that records its changes; writes since then are not in the record',
    {
      machine: ref.id,
      disk: disk.id,
    },
  )
}

/** Describes the machine with all its disks; the size of one whose image could not be opened is what the description states, or 0. */
function neutralMachine(
  { ref, description }: FolderMachine,
  disks: readonly DiskDescription[],
  sizes: ReadonlyMap<DiskId, number>,
): Machine {
  const { labels: _labels, disks: _disks, ...hardware } = description
  return {
    ...hardware,
    id: ref.id,
    name: ref.name,
    disks: disks.map((disk) => diskSpec(disk, sizes.get(disk.id) ?? disk.statedBytes ?? 0)),
  }
}

function diskSpec(disk: DiskDescription, sizeBytes: number): DiskSpec {
  const { id, label, bus, bootOrder } = disk
  return {
    id,
    sizeBytes,
    ...(label !== undefined && { label }),
    ...(bus !== undefined && { bus }),
    ...(bootOrder !== undefined && { bootOrder }),
  }
}
