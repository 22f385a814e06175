import type { Capture, CapturedDisk, Clock, Extent, Logger, Machine, UnavailableDisk } from '@holdfast/core'
import type { DiskImage } from '@holdfast/formats'
import { changedAreas, isFault, type MoRef, type VimSession } from '@holdfast/protocol-vim'
import { eachFromVsphere, fromVsphere } from '../errors.js'
import type { VmwareDisk } from '../inventory/disks.js'
import type { TakenSnapshot } from '../snapshot/take-snapshot.js'
import { changeToken } from '../tracking/change-token.js'
import type { TrackingPlan } from '../tracking/plan-tracking.js'
import { openByFirst } from '../transports/choose-transport.js'
import type { Transport } from '../transports/transport.js'

/** A machine whose snapshot was taken. */
export interface SnapshotSource {
  readonly session: VimSession
  readonly moRef: MoRef
  readonly machine: Machine
  readonly snapshot: TakenSnapshot
  readonly disks: readonly { readonly disk: VmwareDisk; readonly plan: TrackingPlan }[]
  readonly unavailable: readonly UnavailableDisk[]
  readonly transports: readonly Transport[]
  readonly clock: Clock
  readonly logger: Logger
  /** Removes the snapshot, and gives up what was held for it. */
  readonly release: () => Promise<void>
}

/** Makes the capture. */
export function snapshotCapture(source: SnapshotSource, takenAt: Date): Capture {
  const { machine, snapshot, disks, unavailable, transports, release } = source
  const images: Promise<DiskImage>[] = []
  let released: Promise<void> | undefined
  const close = async () => {
    try {
      for (const image of images) await (await image.catch(() => undefined))?.[Symbol.asyncDispose]()
      for (const transport of transports) await transport[Symbol.asyncDispose]()
    } finally {
      await release()
    }
  }
  return {
    machine,
    consistency: snapshot.consistency,
    takenAt,
    unavailable,
    disks: disks.map(({ disk, plan }) => capturedDisk(source, disk, plan, (image) => images.push(image))),
    // The host keeps its records as long as it tracks; nothing is kept for us.
    acknowledge: async ({ signal }) => signal.throwIfAborted(),
    [Symbol.asyncDispose]: () => {
      released ??= close()
      return released
    },
  }
}

function capturedDisk(
  { session, moRef, machine, snapshot, transports, logger }: SnapshotSource,
  disk: VmwareDisk,
  { tracking, since: base }: TrackingPlan,
  opened: (image: Promise<DiskImage>) => void,
): CapturedDisk {
  const doing = { operation: 'read', machine: machine.name }
  let image: Promise<DiskImage> | undefined
  const open = (signal: AbortSignal): Promise<DiskImage> => {
    if (image === undefined) {
      image = openByFirst(transports, disk, { machine: machine.name, logger }, { signal })
      opened(image)
      // Whoever comes next tries again.
      image.catch(() => {
        image = undefined
      })
    }
    return image
  }
  const areas = (changeId: string, signal: AbortSignal) =>
    changedAreas(
      session,
      { machine: moRef, snapshot: snapshot.ref, deviceKey: disk.key, changeId, capacityBytes: disk.sizeBytes },
      { signal },
    )

  async function* allExtents(signal: AbortSignal): AsyncGenerator<Extent, void> {
    if (disk.changeId !== undefined) {
      let hasBegun = false
      try {
        for await (const { offset, length } of areas('*', signal)) {
          hasBegun = true
          yield { offset, length, kind: 'data' }
        }
        return
      } catch (error) {
        if (hasBegun || !isFault(error, 'FileFault', 'InvalidArgument', 'NotFound', 'SystemError')) throw error
        logger.warn(`the host cannot tell what is allocated (${error.message})`, {
          machine: machine.name,
          disk: disk.id,
        })
      }
    }
    for await (const { offset, length, kind } of (await open(signal)).extents()) yield { offset, length, kind }
  }
  async function* changes(changeId: string, signal: AbortSignal): AsyncGenerator<Extent, void> {
    for await (const { offset, length } of areas(changeId, signal)) yield { offset, length, kind: 'data' }
  }
  return {
    id: disk.id,
    sizeBytes: disk.sizeBytes,
    tracking,
    ...(disk.changeId !== undefined && { changeToken: changeToken(disk.changeId) }),
    extents: (since, { signal }) =>
      eachFromVsphere(doing, since === undefined || base === undefined ? allExtents(signal) : changes(base, signal)),
    readInto: async (offset, into, { signal }) => {
      await fromVsphere(doing, async () => (await open(signal)).read(offset, into))
    },
  }
}
