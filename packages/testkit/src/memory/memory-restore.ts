import { BackupError, type RestoreFacet } from '@holdfast/core'
import { imageOfSegments } from '../images/seeded-image.js'
import type { MemoryDisk } from './memory-disk.js'
import { keptMachine, type MemoryMachines, machineId } from './memory-machines.js'

/** Puts machines back into a memory source. */
export function memoryRestore(plugin: string, { machines, open }: MemoryMachines): RestoreFacet {
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
          machine.disks.map(({ id, sizeBytes }) => [id, imageOfSegments(sizeBytes, () => undefined)]),
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
        [Symbol.asyncDispose]: async () => {
          open.delete(`provisioned ${name}`)
        },
      }
    },
  }
}

function writeInside(plugin: string, disk: MemoryDisk, offset: number, data: Uint8Array): void {
  if (offset < 0 || offset + data.length > disk.sizeBytes) {
    throw new BackupError('E_PLACEMENT', `Bytes ${offset} to ${offset + data.length} are not all on the disk.`, {
      plugin,
    })
  }
  disk.write(offset, data)
}
