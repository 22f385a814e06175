import { close, open, read, stat, write } from 'node:fs'
import { promisify } from 'node:util'
import type Koffi from 'koffi'
import { tapeError } from '../drive/drive-errors.js'

/**
 * The system calls that devices of tape libraries take. Each call takes as long as the device does, in a thread of Node's pool.
 *
 * All reject with an error that has the `errno` and `code` of Node's own.
 */
export interface SystemCalls {
  /** What kind of file it is, by stat(2). */
  readonly deviceNumber: (path: string) => Promise<DeviceNumber | undefined>
  readonly open: (path: string, flags: number) => Promise<number>
  readonly close: (fd: number) => Promise<void>
  /** One read(2), wherever the file is. */
  readonly read: (fd: number, into: Uint8Array) => Promise<number>
  /** One write(2), wherever the file is. */
  readonly write: (fd: number, bytes: Uint8Array) => Promise<number>
  /** The memory of the argument stays where it is, and is kept, until the call ends. */
  readonly ioctl: (fd: number, request: number, argument: Uint8Array) => Promise<number>
  /** Waits by poll(2) until a read does not have to wait. May return sooner. */
  readonly readable: (fd: number) => Promise<void>
  /** Where the memory is; it never moves, but lives only as long as it is referred to. */
  readonly addressOf: (memory: ArrayBuffer) => bigint
}

/** Number of a character device. */
export interface DeviceNumber {
  readonly major: number
  readonly minor: number
}

type Async = (...words: [...(number | Uint8Array)[], (error: unknown, result: number) => void]) => void

const pollIn = 1

/**
 * Takes the system calls of this process: Node's, and `ioctl` and `poll` through koffi.
 *
 * @throws BackupError `E_UNSUPPORTED` where koffi, an optional dependency, is not there, and on other systems than Linux on x86-64 or ARM64
 */
export async function loadSystemCalls(): Promise<SystemCalls> {
  const { platform, arch } = process
  // Elsewhere the structures have other layouts, or the requests other numbers.
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw unsupported(`Tape devices are known on Linux on x86-64 and ARM64, not on ${platform} on ${arch}`, {
      hint: 'Reach the library by iSCSI.',
    })
  }
  const koffi = await loadKoffi()
  const functions = koffi.load(null)
  const ioctl: Async = functions.func('int ioctl(int fd, unsigned long request, void *argument)').async
  const poll: Async = functions.func('int poll(void *descriptors, unsigned long count, int timeoutMs)').async
  const outcome = (name: string, call: Async, ...words: (number | Uint8Array)[]): Promise<number> =>
    new Promise((resolve, reject) => {
      call(...words, (error, result) => {
        // The thread's errno is that of the callback.
        const errno = koffi.errno()
        if (error !== null) reject(error)
        else if (result === -1) reject(systemError(name, errno, koffi.os.errno))
        else resolve(result)
      })
    })
  const [readOnce, writeOnce] = [promisify(read), promisify(write)]
  return {
    deviceNumber: async (path) => numberOf(await promisify(stat)(path)),
    open: promisify(open),
    close: promisify(close),
    read: async (fd, into) => (await readOnce(fd, into, 0, into.length, null)).bytesRead,
    write: async (fd, bytes) => (await writeOnce(fd, bytes, 0, bytes.length, null)).bytesWritten,
    ioctl: (fd, request, argument) => outcome('ioctl', ioctl, fd, request, argument),
    readable: async (fd) => {
      // struct pollfd: int fd, short events, short revents.
      const descriptor = new DataView(new ArrayBuffer(8))
      descriptor.setInt32(0, fd, true)
      descriptor.setInt16(4, pollIn, true)
      const memory = new Uint8Array(descriptor.buffer)
      await outcome('poll', poll, memory, 1, -1).catch((error: unknown) => {
        if (codeOf(error) !== 'EINTR') throw error
      })
    },
    addressOf: (memory) => BigInt(koffi.address(memory)),
  }
}

async function loadKoffi(): Promise<typeof Koffi> {
  try {
    return (await import('koffi')).default
  } catch (cause) {
    throw unsupported('Tape devices need koffi, which cannot be loaded', {
      hint: "Install it beside the plugin, 'npm install koffi', or reach the library by iSCSI.",
      cause,
    })
  }
}

function unsupported(message: string, options: { readonly hint: string; readonly cause?: unknown }): Error {
  return tapeError('E_UNSUPPORTED', `${message}.`, { operation: 'target.open', ...options })
}

/** As Node makes them. */
function systemError(syscall: string, errno: number, names: Readonly<Record<string, number>>): Error {
  const code = Object.keys(names).find((name) => names[name] === errno) ?? `errno ${errno}`
  return Object.assign(new Error(`${code}, ${syscall}`), { errno: -errno, code, syscall })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** Takes a `dev_t` of the C library apart. */
function numberOf(status: { isCharacterDevice: () => boolean; rdev: number }): DeviceNumber | undefined {
  if (!status.isCharacterDevice()) return undefined
  const { rdev } = status
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xf_ff00) }
}
