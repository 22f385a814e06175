import { cannotDescribe, type DescriptionFormat } from '../errors.js'
import type { VmwareBus } from './vmware-bus.js'

/** Where a disk is attached. */
export interface VmwareSlot {
  /** `scsi0`. */
  readonly controller: string
  /** `scsi0:3`. */
  readonly name: string
  /** 3. */
  readonly slot: number
}

const controllers: Record<VmwareBus, { readonly count: number; readonly slots: readonly number[] }> = {
  // SCSI id 7 is the controller's own.
  scsi: { count: 4, slots: [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15] },
  sata: { count: 4, slots: Array.from({ length: 30 }, (_, slot) => slot) },
  nvme: { count: 4, slots: Array.from({ length: 15 }, (_, slot) => slot) },
  ide: { count: 2, slots: [0, 1] },
}

/** Tells whether a bus has a place left. */
export function hasFreeSlot(bus: VmwareBus, taken: ReadonlySet<string>): boolean {
  return freeSlot(bus, taken) !== undefined
}

/** The first free place of a bus. @throws BackupError `E_PLACEMENT` when there is none */
export function nextSlot(bus: VmwareBus, taken: ReadonlySet<string>, format: DescriptionFormat): VmwareSlot {
  const slot = freeSlot(bus, taken)
  if (slot !== undefined) return slot
  const { count, slots } = controllers[bus]
  const problem = `VMware takes ${count * slots.length} disks on ${bus}, and the machine has more`
  throw cannotDescribe(format, problem, 'Choose another bus by the option diskBus, or leave disks out.')
}

function freeSlot(bus: VmwareBus, taken: ReadonlySet<string>): VmwareSlot | undefined {
  const { count, slots } = controllers[bus]
  for (let number = 0; number < count; number++) {
    const controller = `${bus}${number}`
    const slot = slots.find((candidate) => !taken.has(`${controller}:${candidate}`))
    if (slot !== undefined) return { controller, name: `${controller}:${slot}`, slot }
  }
  return undefined
}
