import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PluginContext, TargetSession } from '@holdfast/core'
import {
  type SimulatedCartridgeOptions,
  type SimulatedLibrary,
  type SimulatedLibraryOptions,
  type SimulatedUnits,
  simulatedLibrary,
} from '@holdfast/protocol-iscsi/testing'
import { testContext } from '@holdfast/testkit'
import { onTestFinished } from 'vitest'
import { scsiDrive } from '../../src/drive/scsi-drive.js'
import { scsiChanger } from '../../src/library/scsi-changer.js'
import type { TapeTargetOptions } from '../../src/options.js'
import { type OpenLibrary, tapeTarget } from '../../src/tape-target.js'
import type { LibraryDevices } from '../../src/transport/library-devices.js'

/** A library in memory, and targets that use it. */
export interface SimulatedSite extends Disposable {
  readonly simulated: SimulatedLibrary
  readonly folder: string
  readonly target: (options?: Partial<TapeTargetOptions>) => ReturnType<typeof tapeTarget>
  readonly open: (options?: Partial<TapeTargetOptions>, context?: Partial<PluginContext>) => Promise<TargetSession>
  /** The same through other units, which something may be wrong with. */
  readonly openWith: (units: SimulatedUnits, options?: Partial<TapeTargetOptions>) => Promise<TargetSession>
  /** Its changer and drives, for whoever wants to look at cartridges without a target. */
  readonly devices: () => Promise<LibraryDevices>
}

/** Makes drives and a changer of a simulated library. */
export function opensSimulated(simulated: SimulatedUnits): OpenLibrary {
  return async () => devicesOf(simulated)
}

function devicesOf({ changer, drives }: SimulatedUnits): LibraryDevices {
  return {
    changer: scsiChanger('the library', changer),
    drives: drives.map((device, number) => scsiDrive(`drive ${number}`, device, { writesAtOnce: 2 })),
    [Symbol.asyncDispose]: async () => {},
  }
}

/** The options that a simulated library needs. */
export const simulatedOptions: TapeTargetOptions = {
  library: { kind: 'iscsi', host: 'nowhere', target: 'iqn.2026-01.io.holdfast:simulated', changer: 2, drives: [0, 1] },
  pool: 'weekly',
  state: 'state',
}

/** On its own, so that what waits for the end of the test holds on to no library: a property makes hundreds. */
function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-tape-'))
  const dispose = () => rmSync(folder, { recursive: true, force: true })
  onTestFinished(dispose)
  return { folder, dispose }
}

/** A library with cartridges of that size, empty at first. */
export function simulatedSite(
  sizes: readonly (number | Partial<SimulatedCartridgeOptions>)[],
  options: Partial<SimulatedLibraryOptions> = {},
): SimulatedSite {
  const { folder, dispose } = temporaryFolder()
  const cartridges = sizes.map((size, at) => ({
    barcode: `TAPE0${at + 1}`,
    ...(typeof size === 'number' ? { sizeBytes: size } : size),
  }))
  const simulated = simulatedLibrary({
    drives: 2,
    slots: cartridges.length + 1,
    importExportSlots: 2,
    cartridges,
    readyAfterCommands: 0,
    ...options,
  })
  const target = (some: Partial<TapeTargetOptions> = {}) =>
    tapeTarget({ ...simulatedOptions, ...some }, opensSimulated(simulated))
  return {
    simulated,
    folder,
    target,
    [Symbol.dispose]: dispose,
    openWith: (units, some) =>
      tapeTarget({ ...simulatedOptions, ...some }, opensSimulated(units)).open(testContext({ tempDir: folder })),
    devices: async () => devicesOf(simulated),
    open: (some, context) => target(some).open({ ...testContext({ tempDir: folder }), ...context }),
  }
}
