import { isBackupError } from '@holdfast/core'
import { connectQmp, isQmpError, type QmpError, type QmpSession } from '@holdfast/protocol-qmp'
import { sourceError } from '../errors.js'

/** A machine's QMP session, and what errors call it. */
export interface Monitor extends AsyncDisposable {
  readonly machine: string
  readonly path: string
  readonly session: QmpSession
}

/** Which monitor, and how long it may take to answer. */
export interface MonitorPlace {
  readonly machine: string
  readonly path: string
  readonly timeoutMs: number
}

/** What captures need: `on-cbw-error` of copy-before-write, and exports of bitmaps by node. */
const oldestQemu = { major: 7, minor: 1 }

/**
 * Opens a machine's monitor. It serves one client at a time: whoever holds it is alone with the machine.
 *
 * @throws BackupError `E_SOURCE_UNAVAILABLE`, `E_SOURCE_DENIED`, `E_UNSUPPORTED` for a QEMU that is too old
 */
export async function openMonitor({ machine, path, timeoutMs }: MonitorPlace, signal: AbortSignal): Promise<Monitor> {
  const session = await fromQemu(machine, 'connect', () =>
    connectQmp({ path }, { signal, timeoutMs, commandTimeoutMs: timeoutMs }),
  )
  const { major, minor } = session.version
  if (major > oldestQemu.major || (major === oldestQemu.major && minor >= oldestQemu.minor))
    return { machine, path, session, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() }
  await session[Symbol.asyncDispose]()
  throw sourceError('E_UNSUPPORTED', `Machine '${machine}' runs in QEMU ${major}.${minor}.`, {
    context: { machine },
    hint: 'Live captures need QEMU 7.1 or newer, whose snapshots give way before the guest sees an error.',
  })
}

/** Does something with QEMU and translates its errors. `operation` is a verb: `connect`, `take`. */
export async function fromQemu<T>(machine: string, operation: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (isQmpError(error)) throw translated(error, machine, operation)
    throw error
  }
}

/** Tells the error of a monitor that does not answer any more from one that QEMU answered with. */
export function isMonitorLost(error: unknown): boolean {
  return isBackupError(error) && isQmpError(error.cause) && ['closed', 'timeout'].includes(error.cause.code)
}

function translated(error: QmpError, machine: string, operation: string): unknown {
  if (error.code === 'aborted') return error.cause ?? error
  if (isBackupError(error.cause)) return error.cause
  const denied = ['EACCES', 'EPERM'].includes(systemCodeOf(error.cause))
  return sourceError(
    denied ? 'E_SOURCE_DENIED' : 'E_SOURCE_UNAVAILABLE',
    `QEMU of machine '${machine}': ${error.message}.`,
    {
      operation: `source.${operation}`,
      context: { machine },
      hint: hintFor(error, denied),
      retry: error.code === 'closed' || error.code === 'timeout' ? 'transient' : 'never',
      cause: error,
    },
  )
}

function hintFor({ code, command, hint }: QmpError, denied: boolean): string {
  if (denied) return 'Let the user that runs Holdfast open the QMP socket.'
  switch (code) {
    case 'connect':
      return 'Is the machine running, with -qmp unix:<path>,server=on,wait=off? Back up a machine that is off with source-image.'
    case 'timeout':
      return 'A monitor serves one client at a time: another backup, or a management program, may hold it. Give Holdfast one of its own.'
    case 'closed':
      return 'Has QEMU ended? Its log tells; run again when the machine is up.'
    default:
      if (command === 'nbd-server-start')
        return "QEMU has one NBD server, and another program may use it: run when that has ended, or set transport: 'push'."
      return hint ?? 'What QEMU says may be in its documentation of that QMP command.'
  }
}

function systemCodeOf(cause: unknown): string {
  const code: unknown = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' ? code : ''
}
