import type { ErrorCode } from '@holdfast/core'
import { isBackupError } from '@holdfast/core'
import { tapeError } from '../drive/drive-errors.js'
import type { DeviceNumber, SystemCalls } from './system-calls.js'

/** Error numbers of Linux, include/uapi/asm-generic/errno.h; Node has no names for some of them. */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  ENODEV: 19,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSPC: 28,
  EROFS: 30,
  ENOMEDIUM: 123,
} as const

/** Number of an error of a system call, without its sign; undefined for all other errors. */
export function errnoOf(error: unknown): number | undefined {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? -error.errno : undefined
}

/** Does something with a device, and translates what its system calls throw. `operation` is a verb: `open`, `read`. */
export async function onDevice<T>(path: string, operation: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    const number = errnoOf(error)
    if (isBackupError(error) || number === undefined || !(error instanceof Error)) throw error
    const [code, hint] =
      meanings[number] ?? (['E_TARGET_IO', 'The kernel knows more: look at its log, with dmesg.'] as const)
    throw tapeError(code, `${path} cannot ${operation}: ${error.message}.`, {
      operation: `target.${operation}`,
      context: { device: path },
      retry: number === errno.EBUSY ? 'transient' : 'never',
      hint,
      cause: error,
    })
  }
}

const absent = [
  'E_TARGET_UNAVAILABLE',
  "Is the library on, and are the drivers loaded ('modprobe -a sg st')? 'lsscsi -g' lists the devices.",
] as const
const denied = [
  'E_TARGET_DENIED',
  'Add the user of this process to the group that has the device, which is tape on most systems.',
] as const
const noDevice = ['E_CONFIG', "It is no device of a tape library. 'lsscsi -g' lists those."] as const

const meanings: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  [errno.ENOENT]: absent,
  [errno.ENXIO]: absent,
  [errno.ENODEV]: absent,
  [errno.EPERM]: denied,
  [errno.EACCES]: denied,
  [errno.ENOTTY]: noDevice,
  [errno.EBUSY]: [
    'E_REPOSITORY_BUSY',
    'Another process has the device: wait for it, or end it. fuser tells which it is.',
  ],
  [errno.ENOMEDIUM]: ['E_MEDIA_NEEDED', 'Put a cartridge into the drive.'],
  [errno.EROFS]: ['E_TARGET_READ_ONLY', 'Move the switch of the cartridge, or take another.'],
  [errno.ENOSPC]: ['E_TARGET_FULL', 'Go on with another cartridge.'],
  [errno.EINVAL]: ['E_TARGET_IO', 'The drive or its adapter may not take blocks of this length.'],
  [errno.ENOMEM]: ['E_TARGET_IO', 'The adapter may not take blocks of this length, or the machine has no memory left.'],
}

/** Drivers that have devices of tape libraries. */
export type DeviceKind = 'sg' | 'nst'

// Documentation/admin-guide/devices.txt: 9 is st, with bit 7 of the minor number set for those that do not rewind; 21 is sg.
const majors = { st: 9, sg: 21 } as const
const isNonRewinding = ({ minor }: DeviceNumber): boolean => (minor & 0x80) !== 0

/**
 * Tells by its number which driver has a device, whatever its name is.
 *
 * Nothing may be sent to a device before: what asks a tape drive to do something may write to another device.
 *
 * @throws BackupError `E_CONFIG` for a device that is of neither kind, or rewinds when it is closed
 */
export async function deviceKind(path: string, calls: SystemCalls): Promise<DeviceKind> {
  const number = await onDevice(path, 'open', () => calls.deviceNumber(path))
  if (number?.major === majors.sg) return 'sg'
  const isTape = number?.major === majors.st
  if (isTape && isNonRewinding(number)) return 'nst'
  throw tapeError('E_CONFIG', `${path} is ${isTape ? 'a drive that rewinds when it is closed' : noDevice[1]}`, {
    operation: 'target.open',
    context: { device: path },
    hint: isTape ? 'Name the device without rewinding: nst0 in place of st0.' : noDevice[1],
  })
}
