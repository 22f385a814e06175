import type { Machine, MachineId } from '@holdfast/core'
import type { DescribedMachine } from '@holdfast/descriptions'
import { type BlockDevice, type QmpSession, queryBlockDevices } from '@holdfast/protocol-qmp'

/** What a running machine is made of, beside its disks. */
export type MachineHardware = Omit<Machine, 'disks'>

/** Describes the hardware: from the definition where there is one, and from QEMU itself. */
export async function hardwareOf(
  session: QmpSession,
  id: MachineId,
  name: string,
  definition: DescribedMachine | undefined,
  signal: AbortSignal,
): Promise<MachineHardware> {
  const cpus: unknown = await session.execute('query-cpus-fast', undefined, { signal })
  const memory: unknown = await session.execute('query-memory-size-summary', undefined, { signal })
  const devices = await queryBlockDevices(session, { signal })
  const memoryBytes = sizeField(memory, 'base-memory')
  const { disks: _disks, notes: _notes, ...described } = definition ?? { disks: [], notes: [] }
  return {
    firmware: firmwareOf(devices),
    ...(Array.isArray(cpus) && cpus.length > 0 && { cpus: cpus.length }),
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...described,
    id,
    name,
  }
}

/** UEFI keeps its variables in flash; a BIOS has none that can be written. */
function firmwareOf(devices: readonly BlockDevice[]): 'bios' | 'uefi' {
  return devices.some(({ device, qdev }) => device.startsWith('pflash') || qdev?.includes('/system.flash') === true)
    ? 'uefi'
    : 'bios'
}

function sizeField(value: unknown, name: string): number | undefined {
  const field: unknown =
    typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined
  return typeof field === 'number' && Number.isSafeInteger(field) && field > 0 ? field : undefined
}
