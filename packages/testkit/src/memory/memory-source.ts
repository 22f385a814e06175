import {
  BackupError,
  type DiskId,
  defineSource,
  type MachineId,
  machineMatches,
  type SourceCapabilities,
  type SourcePlugin,
  type SourceSession,
} from '@holdfast/core'
import { type DiskImage, readImage } from '../images/disk-image.js'
import { prepareMemoryCapture } from './memory-capture.js'
import type { MemoryDisk } from './memory-disk.js'
import { type MemoryGuest, sectorGuest } from './memory-guest.js'
import { keptMachine, type MemoryMachine, type MemoryMachines } from './memory-machines.js'
import { memoryRestore } from './memory-restore.js'

/** Options of {@link memorySource}. */
export interface MemorySourceOptions {
  /** @defaultValue `'memory'` */
  readonly id?: string
  readonly machines: readonly MemoryMachine[]
  /** Give change tokens and changed extents. @defaultValue `true` */
  readonly changedExtents?: boolean
  /** Tell data from holes. @defaultValue `true` */
  readonly sparse?: boolean
  /** Take machines back. @defaultValue `true` */
  readonly restore?: boolean
  /** What machines do when they are started; `true`: boot from a boot sector, as `sectorGuest` does. @defaultValue `false` */
  readonly boot?: boolean | MemoryGuest
  /** What the exports of `Placement.contents` hold, by URI. @defaultValue exports are not taken */
  readonly exported?: (uri: string) => DiskImage
}

/** A source whose machines live in memory and can be changed by a test. */
export interface MemorySource extends SourcePlugin<SourceCapabilities> {
  /** Overwrites part of a disk, as the running guest would. */
  readonly mutate: (machine: string, disk: string, offset: number, bytes: Uint8Array) => void
  /** Forgets what changed when: the next capture of that disk is full. */
  readonly resetTracking: (machine: string, disk: string) => void
  /** The disk as the guest reads it now. */
  readonly bytes: (machine: string, disk: string) => Uint8Array
  /** Names of the machines, and of every capture and provisioned machine not yet released. */
  readonly inventory: () => readonly string[]
  /** Machines of acknowledged captures, oldest first. */
  readonly acknowledged: readonly MachineId[]
}

/** A source in memory: the reference implementation, with change tracking and restore. */
export function memorySource(options: MemorySourceOptions): MemorySource {
  const { id = 'memory', changedExtents = true, sparse = true, restore = true, exported } = options
  const guest = options.boot === true ? sectorGuest : options.boot || undefined
  const kept = options.machines.map(keptMachine)
  const state: MemoryMachines = {
    machines: new Map(kept.map((machine) => [machine.machine.id, machine])),
    open: new Set(),
    acknowledged: [],
    nextSerial: serialNumbers(),
  }
  const plugin = defineSource<Partial<SourceCapabilities>>({
    id,
    capabilities: {
      changedExtents,
      sparse,
      restore,
      boot: guest !== undefined,
      overlays: exported !== undefined,
      quiesceChannels: ['host', 'guest-agent', 'hypervisor'],
      maxConcurrentReads: 8,
    },
    open: async ({ signal, clock }): Promise<SourceSession> => {
      signal.throwIfAborted()
      return {
        discover: async function* (selector, call) {
          for (const { ref } of [...state.machines.values()]) {
            call.signal.throwIfAborted()
            if (machineMatches(ref, selector)) yield ref
          }
        },
        prepare: async (ref, request, call) => {
          call.signal.throwIfAborted()
          const machine = state.machines.get(ref.id)
          if (machine === undefined) {
            throw new BackupError('E_MACHINE_NOT_FOUND', `There is no machine '${ref.id}' in memory.`, {
              plugin: id,
              operation: 'source.prepare',
            })
          }
          return prepareMemoryCapture({ plugin: id, changedExtents, sparse, state, clock }, machine, request)
        },
        ...(restore ? { restore: memoryRestore(id, state, { guest, exported }) } : {}),
        [Symbol.asyncDispose]: async () => undefined,
      }
    },
  })
  const disk = (machine: string, name: string): MemoryDisk => keptDisk(state, machine, name)
  return Object.freeze({
    ...plugin,
    mutate: (machine: string, name: string, offset: number, bytes: Uint8Array) =>
      disk(machine, name).write(offset, bytes),
    resetTracking: (machine: string, name: string) => disk(machine, name).resetTracking(),
    bytes: (machine: string, name: string) => readImage(disk(machine, name).peek().image),
    inventory: () => [...state.machines.keys(), ...state.open],
    acknowledged: state.acknowledged,
  })
}

function keptDisk({ machines }: MemoryMachines, machine: string, name: string): MemoryDisk {
  const disk = machines.get(machine as MachineId)?.disks.get(name as DiskId)
  if (disk === undefined)
    throw new BackupError('E_USAGE', `There is no disk '${name}' of a machine '${machine}' in memory.`)
  return disk
}

function serialNumbers(): () => number {
  let last = 0
  return () => ++last
}
