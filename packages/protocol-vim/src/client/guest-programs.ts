import { setTimeout as sleep } from 'node:timers/promises'
import { VimError } from '../vim-error.js'
import { integerAt, present, refOf, textAt } from '../wire/members.js'
import type { MoRef } from '../wire/vim-value.js'
import type { CallOptions } from './call-options.js'
import { readObject } from './properties.js'
import type { VimSession } from './vim-session.js'

/** Who runs a program in a guest. */
export interface GuestLogin {
  readonly user: string
  readonly password: string
}

/** A program in a guest. */
export interface GuestProgramSpec {
  /** Path within the guest. */
  readonly path: string
  /** One line, in the words of the guest's own shell or loader. */
  readonly arguments: string
  readonly workingDirectory?: string
}

const shortestPauseMs = 50
const longestPauseMs = 2000

/**
 * Runs a program in a guest through VMware Tools and waits until it has ended (vSphere Web Services API, `GuestProcessManager`).
 *
 * Abort: ends the program, as does a timeout.
 *
 * @returns what it ended with
 * @throws VimError `fault` with `InvalidGuestLogin`, `GuestOperationsUnavailable`, `FileNotFound` …; `timeout`; what calls throw
 */
export async function runInGuest(
  session: VimSession,
  machine: MoRef,
  login: GuestLogin,
  program: GuestProgramSpec,
  { signal, timeoutMs = Infinity }: CallOptions = {},
): Promise<number> {
  const manager = await processManager(session, { signal })
  const auth = {
    _typeName: 'NamePasswordAuthentication',
    interactiveSession: false,
    username: login.user,
    password: login.password,
  }
  const spec = {
    _typeName: 'GuestProgramSpec',
    programPath: program.path,
    arguments: program.arguments,
    workingDirectory: program.workingDirectory,
  }
  // Without the signal: one that was started unnoticed would run on.
  const [started] = await session.call(manager, 'StartProgramInGuest', { vm: machine, auth, spec })
  const pid = Number(present(started, 'the process').text)
  const until = Date.now() + timeoutMs
  let hasEnded = false
  try {
    for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      const args = { vm: machine, auth, pids: [pid] }
      const [process] = await session.call(manager, 'ListProcessesInGuest', args, { signal, isRepeatable: true })
      if (textAt(process, 'endTime') !== undefined) {
        hasEnded = true
        return present(integerAt(process, 'exitCode'), 'the exit code')
      }
      if (Date.now() + pauseMs > until)
        throw new VimError('timeout', `${program.path} did not end in the guest within ${timeoutMs} ms.`)
      await sleep(pauseMs, undefined, { signal }).catch((cause: unknown) => {
        throw new VimError('aborted', `${program.path} was no longer waited for: the call was aborted.`, { cause })
      })
    }
  } finally {
    if (!hasEnded)
      await session
        .call(manager, 'TerminateProcessInGuest', { vm: machine, auth, pid }, { timeoutMs: 10_000 })
        .catch(() => undefined)
  }
}

async function processManager(session: VimSession, call: CallOptions): Promise<MoRef> {
  const manager = present(session.content.guestOperationsManager, 'the manager of guest operations')
  const { properties } = await readObject(session, manager, ['processManager'], call)
  const found = properties.get('processManager')
  return refOf(present(found, 'the manager of processes'))
}
