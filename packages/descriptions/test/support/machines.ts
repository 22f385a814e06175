import type { DiskId, DiskSpec, Machine, MachineId } from '@holdfast/core'
import {
  type DescribedMachine,
  type ImageFormatName,
  neutralMachine,
  type PlacedDisk,
  readDescription,
} from '../../src/index.js'
import { type Fixture, fixtureBytes } from './fixtures.js'

export const uuid = '3f2c9d1e-6b7a-4c8d-9e0f-112233445566'

/** A machine with disks of the given buses, named `d0`, `d1`. */
export function machineWith(buses: readonly (DiskSpec['bus'] | undefined)[], rest: Partial<Machine> = {}): Machine {
  return {
    id: uuid as MachineId,
    name: 'web',
    firmware: 'bios',
    cpus: 2,
    memoryBytes: 1024 ** 3,
    disks: buses.map((bus, index) => ({
      id: `d${index}` as DiskId,
      sizeBytes: 1024 ** 3,
      ...(bus !== undefined && { bus }),
    })),
    ...rest,
  }
}

/** The first machine of a fixture. */
function described(name: Fixture): DescribedMachine {
  const [machine] = readDescription(fixtureBytes(name))
  if (machine === undefined) throw new Error(`${name} describes no machine`)
  return machine
}

/** A machine that came from a fixture, its disks 1 GiB each. */
export function machineFrom(name: Fixture): Machine {
  const machine = described(name)
  return neutralMachine(machine, new Map(machine.disks.map(({ id }) => [id, 1024 ** 3])))
}

/** An image of the format for every disk of a machine. */
export function placed(machine: Machine, imageFormat: ImageFormatName, folder = ''): readonly PlacedDisk[] {
  return machine.disks.map(({ id }, index) => ({ id, file: `${folder}disk${index}.${imageFormat}`, imageFormat }))
}
