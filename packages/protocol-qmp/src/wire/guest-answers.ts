import { protocolError } from '../qmp-error.js'
import { flagOf, integerOf, listOf, optional, recordOf, sizeOf, textOf } from './fields.js'

/** What a guest agent is and can do. */
export interface GuestInfo {
  readonly version: string
  readonly commands: readonly GuestCommand[]
}

/** A command of a guest agent. */
export interface GuestCommand {
  readonly name: string
  /** False where the agent's configuration, or its frozen state, forbids the command. */
  readonly isEnabled: boolean
}

/** A mounted file system of the guest. */
export interface GuestFileSystem {
  /** Of the block device, such as `vda2`. */
  readonly name: string
  readonly mountpoint: string
  /** Such as `ext4`, `NTFS`. */
  readonly type: string
  readonly usedBytes: number | undefined
  readonly totalBytes: number | undefined
  /** The disks that it lies on; empty where the agent cannot tell. */
  readonly disks: readonly GuestDisk[]
}

/** A disk as a guest sees it. */
export interface GuestDisk {
  /** Such as `virtio`, `scsi`, `sata`. */
  readonly busType: string
  /** Serial number: what QEMU's device was given as `serial`, where the agent can read it. */
  readonly serial: string | undefined
  /** Device file, such as `/dev/vda2`. */
  readonly device: string | undefined
}

/** Whether the guest's file systems are frozen. */
export type FreezeState = 'thawed' | 'frozen'

/** How a program of the guest ended, or that it has not. */
export type GuestExecStatus = { readonly exited: false } | ({ readonly exited: true } & GuestExecResult)

/** How a program of the guest ended. */
export interface GuestExecResult {
  /** Undefined where a signal (Linux) or an exception (Windows) ended it. */
  readonly exitCode: number | undefined
  readonly signal: number | undefined
  /** Empty unless output was captured. */
  readonly stdout: Uint8Array
  readonly stderr: Uint8Array
  /** The agent keeps 16 MiB of each. */
  readonly isStdoutTruncated: boolean
  readonly isStderrTruncated: boolean
}

/** Reads the answer to `guest-info`. */
export function readGuestInfo(value: unknown): GuestInfo {
  const info = recordOf(value, 'The information')
  return {
    version: textOf(info['version'], 'The version of the agent'),
    commands: listOf(info['supported_commands'], 'The list of commands', (member, where) => {
      const command = recordOf(member, where)
      return {
        name: textOf(command['name'], 'The name of a command'),
        isEnabled: flagOf(command['enabled'], 'enabled of a command'),
      }
    }),
  }
}

/** Reads the answer to `guest-get-fsinfo`. */
export function readGuestFileSystems(value: unknown): readonly GuestFileSystem[] {
  return listOf(value, 'The list of file systems', (member, where) => {
    const system = recordOf(member, where)
    return {
      name: textOf(system['name'], 'The name of a file system'),
      mountpoint: textOf(system['mountpoint'], 'The mount point of a file system'),
      type: textOf(system['type'], 'The type of a file system'),
      usedBytes: optional(system['used-bytes'], 'The used bytes of a file system', sizeOf),
      totalBytes: optional(system['total-bytes'], 'The total bytes of a file system', sizeOf),
      disks: listOf(system['disk'], 'The disks of a file system', readGuestDisk),
    }
  })
}

/** Reads the answer to `guest-fsfreeze-status`. */
export function readFreezeState(value: unknown): FreezeState {
  if (value !== 'thawed' && value !== 'frozen') throw protocolError('The freeze state is neither thawed nor frozen')
  return value
}

/** Reads the answer to `guest-exec`. */
export function readGuestPid(value: unknown): number {
  return integerOf(recordOf(value, 'The answer to guest-exec')['pid'], 'The process id')
}

/** Reads the answer to `guest-exec-status`. */
export function readGuestExecStatus(value: unknown): GuestExecStatus {
  const status = recordOf(value, 'The status of a program')
  if (!flagOf(status['exited'], 'exited of a program')) return { exited: false }
  return {
    exited: true,
    exitCode: optional(status['exitcode'], 'The exit code', integerOf),
    signal: optional(status['signal'], 'The signal', integerOf),
    stdout: optional(status['out-data'], 'The output', bytesOf) ?? new Uint8Array(),
    stderr: optional(status['err-data'], 'The error output', bytesOf) ?? new Uint8Array(),
    isStdoutTruncated: optional(status['out-truncated'], 'out-truncated', flagOf) ?? false,
    isStderrTruncated: optional(status['err-truncated'], 'err-truncated', flagOf) ?? false,
  }
}

function readGuestDisk(value: unknown, where: string): GuestDisk {
  const disk = recordOf(value, where)
  return {
    busType: textOf(disk['bus-type'], 'The bus of a disk'),
    serial: optional(disk['serial'], 'The serial number of a disk', textOf),
    device: optional(disk['dev'], 'The device of a disk', textOf),
  }
}

function bytesOf(value: unknown, where: string): Uint8Array {
  const text = textOf(value, where)
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw protocolError(`${where} is not Base64`)
  return new Uint8Array(Buffer.from(text, 'base64'))
}
