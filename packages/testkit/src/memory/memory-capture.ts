import {
  BackupError,
  type CapturedDisk,
  type CaptureRequest,
  type ChangeToken,
  type Clock,
  type DiskId,
  type Extent,
  type PreparedCapture,
} from '@holdfast/core'
import type { DiskImage } from '../images/disk-image.js'
import type { MemoryDiskView } from './memory-disk.js'
import type { KeptMachine, MemoryMachines } from './memory-machines.js'

/** What a capture needs of its source. */
export interface MemoryCaptureHost {
  readonly plugin: string
  readonly changedExtents: boolean
  readonly sparse: boolean
  readonly state: MemoryMachines
  readonly clock: Clock
}

/** Prepares a capture; nothing is fixed before `take`. */
export function prepareMemoryCapture(
  host: MemoryCaptureHost,
  kept: KeptMachine,
  request: CaptureRequest,
): PreparedCapture {
  return {
    take: async ({ signal }) => {
      signal.throwIfAborted()
      const { state, clock } = host
      const name = `capture ${state.nextSerial()} of ${kept.machine.id}`
      state.open.add(name)
      return {
        machine: kept.machine,
        consistency: 'crash',
        takenAt: clock.now(),
        unavailable: [],
        disks: [...kept.disks].map(([id, disk]) => capturedDisk(host, id, disk.take(), request.previous.get(id))),
        acknowledge: async (call) => {
          call.signal.throwIfAborted()
          state.acknowledged.push(kept.machine.id)
        },
        [Symbol.asyncDispose]: async () => {
          state.open.delete(name)
        },
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

function capturedDisk(
  host: MemoryCaptureHost,
  id: DiskId,
  view: MemoryDiskView,
  previous: ChangeToken | undefined,
): CapturedDisk {
  const base = previous === undefined || !host.changedExtents ? undefined : generationOf(previous, view)
  const { image } = view
  return {
    id,
    sizeBytes: image.sizeBytes,
    ...(host.changedExtents ? { changeToken: tokenOf(view) } : {}),
    tracking:
      base === undefined
        ? { mode: 'full', reason: whyFull(host, previous) }
        : { mode: 'incremental', reason: `changes since generation ${base}` },
    extents: async function* (since, { signal }) {
      const generation = since === undefined ? undefined : generationOf(since, view)
      if (since !== undefined && (generation === undefined || !host.changedExtents)) {
        throw new BackupError('E_CHANGE_TOKEN', `The token '${since}' is not of this disk.`, { plugin: host.plugin })
      }
      for (const extent of generation === undefined ? fullExtents(host, image) : view.changedSince(generation)) {
        signal.throwIfAborted()
        yield extent
      }
    },
    readInto: async (offset, into, { signal }) => {
      signal.throwIfAborted()
      if (!Number.isSafeInteger(offset) || offset < 0 || offset + into.length > image.sizeBytes) {
        throw new BackupError(
          'E_SOURCE_READ',
          `Bytes ${offset} to ${offset + into.length} are not all on disk ${id}.`,
          {
            plugin: host.plugin,
            operation: 'source.readInto',
          },
        )
      }
      image.fillRange(offset, into)
    },
  }
}

function fullExtents(host: MemoryCaptureHost, image: DiskImage): Iterable<Extent> {
  return host.sparse ? image.extents() : [{ offset: 0, length: image.sizeBytes, kind: 'data' }]
}

function tokenOf({ epoch, generation }: MemoryDiskView): ChangeToken {
  return `memory:${epoch}:${generation}` as ChangeToken
}

function generationOf(token: ChangeToken, view: MemoryDiskView): number | undefined {
  const match = /^memory:(\d+):(\d+)$/.exec(token)
  const generation = Number(match?.[2])
  return Number(match?.[1]) === view.epoch && generation < view.generation ? generation : undefined
}

function whyFull(host: MemoryCaptureHost, previous: ChangeToken | undefined): string {
  if (!host.changedExtents) return 'change tracking is off'
  return previous === undefined ? 'no earlier capture' : 'the change token is unknown'
}
