import { awaitReady, moveMedium, type ScsiDevice } from '../../src/scsi/index.js'
import {
  type SimulatedCartridgeOptions,
  type SimulatedLibrary,
  type SimulatedLibraryOptions,
  simulatedLibrary,
} from '../../src/testing/index.js'
import { calm } from './scsi-failure.js'

const mib = 2 ** 20

/** A library whose first cartridge is in its only drive, and ready. */
export interface Mounted {
  readonly library: SimulatedLibrary
  readonly drive: ScsiDevice
}

/** The first drive of a library. */
export function firstDrive(library: { readonly drives: readonly ScsiDevice[] }): ScsiDevice {
  const [drive] = library.drives
  if (drive === undefined) throw new Error('There is no drive.')
  return drive
}

/** Makes a library with one cartridge T1 of 4 MiB, and puts it into the drive. */
export async function mounted(
  cartridge: Partial<SimulatedCartridgeOptions> = {},
  options: Partial<SimulatedLibraryOptions> = {},
): Promise<Mounted> {
  const library = simulatedLibrary({
    drives: 1,
    slots: 3,
    importExportSlots: 1,
    cartridges: [{ barcode: 'T1', sizeBytes: 4 * mib, ...cartridge }],
    readyAfterCommands: 0,
    ...options,
  })
  const drive = firstDrive(library)
  await awaitReady(library.changer, calm)
  await moveMedium(library.changer, { source: 1024, destination: 256 }, calm)
  await awaitReady(drive, { ...calm, pollMs: 1 })
  return { library, drive }
}

/** A block of one repeated byte. */
export function block(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value)
}
