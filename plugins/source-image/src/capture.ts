import type { Capture, CaptureRequest, Clock, DiskId, DiskSpec, Logger, Machine, UnavailableDisk } from '@holdfast/core'
import { capturedDisk } from './captured-disk.js'
import { type DiskFile, diskFile, type FileStamp } from './disk-file.js'
import type { HoleSeeker } from './hole-seeker.js'
import type { DiskDescription } from './machine-description.js'
import type { FolderMachine } from './machine-folder.js'
import { openRegularFile } from './regular-file.js'
import { settleFiles } from './settle.js'

/** What taking a capture needs. */
export interface CaptureSettings {
  readonly machine: FolderMachine
  readonly folder: string
  readonly followSymlinks: boolean
  readonly request: CaptureRequest
  readonly seeker: HoleSeeker | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
}

interface OpenDisk {
  readonly disk: DiskDescription
  readonly file: DiskFile
}

/** Opens the files of a machine's disks and remembers what they are; that moment is the point in time. */
export async function takeCapture(settings: CaptureSettings): Promise<Capture> {
  const { machine, request, seeker, clock, logger, signal } = settings
  const opened: OpenDisk[] = []
  const unavailable: UnavailableDisk[] = []
  const release = async () => {
    await Promise.all(opened.map(({ file }) => file.close()))
  }
  try {
    for (const disk of machine.disks) {
      signal.throwIfAborted()
      const file = await openDisk(disk, settings)
      if (typeof file === 'string') unavailable.push(missing(disk, file))
      else opened.push({ disk, file })
    }
    const settled = await settleFiles(opened, clock, signal)
    const ready = settled.filter(({ atRest }) => atRest)
    for (const { disk, atRest } of settled) if (!atRest) unavailable.push(missing(disk, beingWritten))
    for (const { disk, stamp } of ready) warnIfStale(machine, disk, stamp, logger)
    signal.throwIfAborted()
    return {
      machine: neutralMachine(machine, new Map(settled.map(({ disk, stamp }) => [disk.id, stamp.sizeBytes]))),
      consistency: 'crash',
      takenAt: clock.now(),
      disks: ready.map(({ disk, file, stamp }) =>
        capturedDisk({ disk, file, stamp, seeker, previous: request.previous.get(disk.id) }),
      ),
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

/** Returns the disk's open file, or the reason why it cannot be had. */
async function openDisk(
  disk: DiskDescription,
  { folder, followSymlinks }: CaptureSettings,
): Promise<DiskFile | string> {
  const opened = await openRegularFile(folder, disk.file, followSymlinks)
  return opened.kind === 'open' ? diskFile(opened.handle, opened.path) : opened.reason
}

function missing({ id, file }: DiskDescription, reason: string): UnavailableDisk {
  return { id, reason: `${file}: ${reason}` }
}

function warnIfStale(
  { describedNs, ref }: FolderMachine,
  disk: DiskDescription,
  stamp: FileStamp,
  logger: Logger,
): void {
  if (disk.changeToken === undefined || describedNs === undefined || stamp.modifiedNs <= describedNs) return
  logger.warn(
    'image is newer than the machine.json that records its changes; writes since then are not in the record',
    {
      machine: ref.id,
      disk: disk.id,
    },
  )
}

/** Describes the machine with all its disks; the size of one whose image could not be opened is not known: 0. */
function neutralMachine({ ref, description, disks }: FolderMachine, sizes: ReadonlyMap<DiskId, number>): Machine {
  const { labels: _labels, disks: _disks, ...hardware } = description
  return {
    ...hardware,
    id: ref.id,
    name: ref.name,
    disks: disks.map((disk) => diskSpec(disk, sizes.get(disk.id) ?? 0)),
  }
}

function diskSpec(disk: DiskDescription, sizeBytes: number): DiskSpec {
  const { file: _file, changeToken: _token, changes: _changes, ...spec } = disk
  return { ...spec, sizeBytes }
}
