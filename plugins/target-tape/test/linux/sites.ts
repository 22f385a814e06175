import type { SimulatedLibrary, SimulatedLibraryOptions } from '@holdfast/protocol-iscsi/testing'
import { scsiDrive } from '../../src/drive/scsi-drive.js'
import { type OpenedUnit, openSgDevice } from '../../src/linux/sg-device.js'
import { type OpenedDrive, openStDrive } from '../../src/linux/st-drive.js'
import { type DriveSite, libraryInMemory } from '../drive-table.js'
import { type SimulatedKernel, simulatedKernel } from './simulated-kernel.js'

/** The kernel of a machine that a library is attached to: /dev/sg0 is its changer, each drive has an sg and an nst. */
export function kernelOf({ changer, drives }: Pick<SimulatedLibrary, 'changer' | 'drives'>): SimulatedKernel {
  const ofDrives = drives.flatMap((device, number) => [
    [`/dev/sg${number + 1}`, { major: 21, minor: number + 1, device }] as const,
    [`/dev/nst${number}`, { major: 9, minor: 128 + number, device }] as const,
    [`/dev/st${number}`, { major: 9, minor: number, device }] as const,
  ])
  return simulatedKernel({
    '/dev/sg0': { major: 21, minor: 0, device: changer },
    '/dev/sda': { major: 8, minor: 0, device: changer },
    ...Object.fromEntries(ofDrives),
  })
}

export interface SgSite extends DriveSite {
  readonly kernel: SimulatedKernel
  readonly unit: OpenedUnit
}

/** A drive with a cartridge, behind the sg driver. */
export async function sgSite(options: Partial<SimulatedLibraryOptions> = {}): Promise<SgSite> {
  const library = await libraryInMemory(options)
  const kernel = kernelOf(library)
  const unit = await openSgDevice('/dev/sg1', kernel, { isExclusive: true })
  return { library, kernel, unit, drive: scsiDrive('drive 0', unit) }
}

export interface StSite extends DriveSite {
  readonly kernel: SimulatedKernel
  readonly drive: OpenedDrive
}

/** A drive with a cartridge, behind the st driver. */
export async function stSite(options: Partial<SimulatedLibraryOptions> = {}): Promise<StSite> {
  const library = await libraryInMemory(options)
  const kernel = kernelOf(library)
  const drive = await openStDrive('/dev/nst0', kernel, { pollMs: 1 })
  return { library, kernel, drive }
}
