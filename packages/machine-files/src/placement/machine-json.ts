import type { DiskId, Machine } from '@holdfast/core'

/** A restored disk and the file that holds it. */
export interface DiskFile {
  readonly id: DiskId
  readonly file: string
}

/** Describes a machine in the form that the image source reads, so that a restored folder can be backed up again. */
export function machineJson(machine: Machine, disks: readonly DiskFile[]): string {
  const specs = new Map<string, Machine['disks'][number]>(machine.disks.map((disk) => [disk.id, disk]))
  const { id, name, firmware, cpus, memoryBytes, nics } = machine
  const description = {
    id,
    name,
    firmware,
    cpus,
    memoryBytes,
    nics,
    disks: disks.map((disk) => {
      const spec = specs.get(disk.id)
      return { id: disk.id, file: disk.file, label: spec?.label, bus: spec?.bus, bootOrder: spec?.bootOrder }
    }),
  }
  return `${JSON.stringify(description, undefined, 2)}\n`
}
