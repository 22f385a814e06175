import type { DiskId, DiskSpec, Machine, MachineId, MachineRef } from '@holdfast/core'
import { type DiskImage, imageOf } from '../images/disk-image.js'
import { type MemoryDisk, memoryDisk } from './memory-disk.js'

/** A machine for a memory source. */
export interface MemoryMachine {
  readonly name: string
  /** @defaultValue the name */
  readonly id?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly firmware?: 'bios' | 'uefi'
  readonly cpus?: number
  readonly memoryBytes?: number
  /** Contents by disk id: bytes, or an image. */
  readonly disks: Readonly<Record<string, Uint8Array | DiskImage>>
}

/** A machine as the memory source keeps it. */
export interface KeptMachine {
  readonly ref: MachineRef
  readonly machine: Machine
  readonly disks: ReadonlyMap<DiskId, MemoryDisk>
}

/** What the sessions of one memory source share. */
export interface MemoryMachines {
  readonly machines: Map<MachineId, KeptMachine>
  /** Names of captures and provisioned machines that nobody disposed yet. */
  readonly open: Set<string>
  readonly acknowledged: MachineId[]
  /** Numbers the captures. */
  readonly nextSerial: () => number
}

/** Builds what a memory source keeps of a described machine. */
export function keptMachine(described: MemoryMachine): KeptMachine {
  const { name, id = name, labels, disks: contents, ...hardware } = described
  const disks = new Map(
    Object.entries(contents).map(([disk, content]) => [
      diskId(disk),
      memoryDisk('fillRange' in content ? content : imageOf(content)),
    ]),
  )
  const specs = [...disks].map(([disk, { sizeBytes }]): DiskSpec => ({ id: disk, sizeBytes }))
  const machine = { ...hardware, id: machineId(id), name, disks: specs }
  return { machine, disks, ref: { id: machine.id, name, ...(labels === undefined ? {} : { labels }) } }
}

/** Names a machine of a memory source. */
export function machineId(text: string): MachineId {
  return text as MachineId
}

/** Names a disk of a memory source. */
function diskId(text: string): DiskId {
  return text as DiskId
}
