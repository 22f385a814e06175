import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { commandTimeoutsMs } from '../timeouts.js'

/** Options of commands that may be answered before they are done. */
export interface ImmediateOptions extends CommandOptions {
  /** Answers when the command has begun; `awaitReady` waits for its end. @defaultValue false */
  readonly immediate?: boolean
}

/** Moves the tape to its beginning, with all that was written on it first. SSC-4, 6.17. */
export async function rewind(device: ScsiDevice, options: ImmediateOptions): Promise<void> {
  const { immediate = false, ...rest } = options
  const cdb = Uint8Array.of(0x01, immediate ? 1 : 0, 0, 0, 0, 0)
  await issue(device, { what: 'REWIND', cdb, timeoutMs: commandTimeoutsMs.position }, rest)
}

/** Threads the cartridge in the drive, and moves to its beginning. SSC-4, 7.2. */
export async function loadMedium(device: ScsiDevice, options: ImmediateOptions): Promise<void> {
  await load(device, 0x01, options)
}

/** Rewinds, flushes and lets go of the cartridge, so that a changer can take it. SSC-4, 7.2. @throws ScsiError `removal-prevented` */
export async function unloadMedium(device: ScsiDevice, options: ImmediateOptions): Promise<void> {
  await load(device, 0x00, options)
}

async function load(device: ScsiDevice, action: number, options: ImmediateOptions): Promise<void> {
  const { immediate = false, ...rest } = options
  const cdb = Uint8Array.of(0x1b, immediate ? 1 : 0, 0, 0, action, 0)
  await issue(device, { what: 'LOAD UNLOAD', cdb, timeoutMs: commandTimeoutsMs.load }, rest)
}

/** How a tape is erased. */
export interface EraseOptions extends ImmediateOptions {
  /** Overwrites the whole rest of the tape, which takes hours; else the end of the data is set here. @defaultValue false */
  readonly long?: boolean
}

/** Makes the tape blank from here on. SSC-4, 6.2. @throws ScsiError `unsupported`, `write-protected`, `worm` */
export async function erase(device: ScsiDevice, options: EraseOptions): Promise<void> {
  const { immediate = false, long = false, ...rest } = options
  const cdb = Uint8Array.of(0x19, (immediate ? 0x02 : 0) | (long ? 0x01 : 0), 0, 0, 0, 0)
  await issue(device, { what: 'ERASE(6)', cdb, timeoutMs: commandTimeoutsMs.erase }, rest)
}
