import type { CallOptions } from '@holdfast/core'
import { inquiry, peripheralType } from '@holdfast/protocol-iscsi/scsi'
import { fromDevice, tapeError } from '../drive/drive-errors.js'
import { scsiDrive } from '../drive/scsi-drive.js'
import type { TapeDrive } from '../drive/tape-drive.js'
import { type Changer, scsiChanger } from '../library/scsi-changer.js'
import { deviceKind } from './device-errors.js'
import { type OpenedUnit, openSgDevice } from './sg-device.js'
import { openStDrive } from './st-drive.js'
import { loadSystemCalls, type SystemCalls } from './system-calls.js'

/** The devices of one library, by their paths. */
export interface LinuxLibraryDevices {
  /** Of the sg driver: `/dev/sg3`. */
  readonly changer: string
  /** Of the sg driver or of the st driver, `/dev/sg4` or `/dev/nst0`, in the order in which the changer counts drives. */
  readonly drives: readonly string[]
}

/** A library that was opened. */
export interface LinuxLibrary {
  readonly changer: Changer
  readonly drives: readonly TapeDrive[]
  /** Waits for what runs. Called at most once. */
  readonly close: () => Promise<void>
}

/**
 * Opens a library whose devices are those of this machine. **Unproven on hardware**: it ran with the drivers of Linux 6.1 in
 * a virtual machine, over a simulated library.
 *
 * A drive of the sg driver does all that one by iSCSI does; one of the st driver tells less, see `openStDrive`. A device that works
 * has a thread of Node's pool, of which there are 4: set `UV_THREADPOOL_SIZE` for more drives than two.
 *
 * @throws BackupError `E_UNSUPPORTED` on this machine, `E_TARGET_UNAVAILABLE` no such device, `E_TARGET_DENIED`, `E_REPOSITORY_BUSY` when
 *   another process has a drive, `E_CONFIG` for a device that is something else
 */
export async function openLinuxLibrary(
  { changer, drives }: LinuxLibraryDevices,
  { signal }: CallOptions,
  calls?: SystemCalls,
): Promise<LinuxLibrary> {
  const system = calls ?? (await loadSystemCalls())
  const opened: { readonly close: () => Promise<void> }[] = []
  const close = async () => {
    await Promise.all(opened.map((each) => each.close()))
  }
  const openUnit = async (path: string, type: 'changer' | 'tape'): Promise<OpenedUnit> => {
    // Programs that watch a library have its changer open; a drive is no one else's.
    const unit = await openSgDevice(path, system, { isExclusive: type === 'tape' })
    opened.push(unit)
    const found = await fromDevice(path, 'open', () => inquiry(unit, { signal }))
    if (found.peripheralType !== peripheralType[type]) throw otherUnit(path, type, `${found.vendor} ${found.product}`)
    return unit
  }
  const openDrive = async (path: string): Promise<TapeDrive> => {
    if ((await deviceKind(path, system)) === 'sg') return scsiDrive(path, await openUnit(path, 'tape'))
    const drive = await openStDrive(path, system)
    opened.push(drive)
    return drive
  }
  try {
    if ((await deviceKind(changer, system)) !== 'sg') throw otherUnit(changer, 'changer', 'a tape drive')
    const arm = scsiChanger(changer, await openUnit(changer, 'changer'))
    const inOrder: TapeDrive[] = []
    for (const path of drives) inOrder.push(await openDrive(path))
    return { changer: arm, drives: inOrder, close }
  } catch (error) {
    await close()
    throw error
  }
}

function otherUnit(path: string, wanted: 'changer' | 'tape', found: string): Error {
  const name = { changer: 'medium changer', tape: 'tape drive' }[wanted]
  return tapeError('E_CONFIG', `${path} is ${found}, and no ${name}.`, {
    operation: 'target.open',
    context: { device: path },
    hint: "The numbers change when a machine starts: see 'lsscsi -g', and name devices by /dev/tape/by-id.",
  })
}
