import {
  BackupError,
  type BootProbe,
  type CallOptions,
  type DiskId,
  type Placement,
  type RestoreFacet,
} from '@holdfast/core'
import type { DiskImage } from '../images/disk-image.js'
import { imageOfSegments } from '../images/seeded-image.js'
import { bootInMemory } from './memory-boot.js'
import type { MemoryDisk } from './memory-disk.js'
import type { MemoryGuest } from './memory-guest.js'
import { keptMachine, type MemoryMachines, machineId } from './memory-machines.js'

/** What a memory source can do with what it puts back. */
export interface MemoryRestoreOptions {
  readonly guest?: MemoryGuest | undefined
  readonly exported?: ((uri: string) => DiskImage) | undefined
}

/** Puts machines back into a memory source. */
export function memoryRestore(
  plugin: string,
  { machines, open }: MemoryMachines,
  { guest, exported }: MemoryRestoreOptions,
): RestoreFacet {
  return {
    provision: async (machine, placement, { signal }) => {
      signal.throwIfAborted()
      const name = placement.name ?? machine.name
      const taken = [...machines.values()].some(({ ref }) => ref.name === name) || open.has(`provisioned ${name}`)
      if (taken) {
        throw new BackupError('E_PLACEMENT', `There already is a machine '${name}' in memory.`, {
          plugin,
          operation: 'source.provision',
          hint: 'Restore under another name.',
        })
      }
      const kept = keptMachine({
        name,
        id: machines.has(machine.id) ? machineId(name) : machine.id,
        disks: Object.fromEntries(
          machine.disks.map(({ id, sizeBytes }) => [
            id,
            contentOf(plugin, id, placement, exported) ?? imageOfSegments(sizeBytes, () => undefined),
          ]),
        ),
      })
      open.add(`provisioned ${name}`)
      return {
        location: `memory, machine ${name}`,
        disks: [...kept.disks].map(([id, disk]) => ({
          id,
          sizeBytes: disk.sizeBytes,
          write: async (offset: number, data: Uint8Array, call: { readonly signal: AbortSignal }) => {
            call.signal.throwIfAborted()
            writeInside(plugin, disk, offset, data)
          },
        })),
        commit: async (call) => {
          call.signal.throwIfAborted()
          machines.set(kept.machine.id, kept)
          open.delete(`provisioned ${name}`)
        },
        ...(guest && {
          boot: (probe: BootProbe, call: CallOptions) => bootInMemory({ plugin, guest, open }, kept, probe, call),
        }),
        [Symbol.asyncDispose]: async () => {
          open.delete(`provisioned ${name}`)
        },
      }
    },
  }
}

/** What an export holds already; a memory disk over it never writes to it. */
function contentOf(
  plugin: string,
  disk: DiskId,
  { contents }: Placement,
  exported: MemoryRestoreOptions['exported'],
): DiskImage | undefined {
  const uri = contents?.get(disk)
  if (uri === undefined) return undefined
  if (exported !== undefined) return exported(uri)
  throw new BackupError('E_UNSUPPORTED', 'This source puts no disk over an export.', { plugin })
}

function writeInside(plugin: string, disk: MemoryDisk, offset: number, data: Uint8Array): void {
  if (offset < 0 || offset + data.length > disk.sizeBytes) {
    throw new BackupError('E_PLACEMENT', `Bytes ${offset} to ${offset + data.length} are not all on the disk.`, {
      plugin,
    })
  }
  disk.write(offset, data)
}
