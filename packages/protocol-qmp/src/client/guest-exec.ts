import { setTimeout as delay } from 'node:timers/promises'
import { type GuestExecResult, readGuestExecStatus, readGuestPid } from '../wire/guest-answers.js'
import type { CallOptions } from './call-options.js'
import { abortError, withDeadline } from './deadline.js'
import type { GuestAgent, GuestProgram } from './guest-agent.js'

const firstPollMs = 20
const longestPollMs = 1000

/** Runs a program in the guest by `guest-exec`, and asks for its end by `guest-exec-status`, ever more seldom. */
export async function guestExec(
  execute: GuestAgent['execute'],
  program: GuestProgram,
  options: CallOptions,
): Promise<GuestExecResult> {
  const waiting = { what: `The end of ${program.path}`, command: 'guest-exec' }
  return await withDeadline(waiting, options, async (signal) => {
    const pid = readGuestPid(await execute('guest-exec', execArguments(program), { signal }))
    for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 2, longestPollMs)) {
      const status = readGuestExecStatus(await execute('guest-exec-status', { pid }, { signal }))
      if (status.exited) {
        const { exited: _, ...result } = status
        return result
      }
      await delay(pollMs, undefined, { signal }).catch(() => {
        throw abortError(waiting, signal)
      })
    }
  })
}

function execArguments({ path, args, env, captureOutput = true, input }: GuestProgram) {
  return {
    path,
    arg: args,
    env,
    'capture-output': captureOutput,
    'input-data': input === undefined ? undefined : Buffer.from(input).toString('base64'),
  }
}
