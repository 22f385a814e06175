import { sizeOf } from '../wire/fields.js'
import { readFreezeState, readGuestFileSystems, readGuestInfo } from '../wire/guest-answers.js'
import { agentChannel } from './agent-channel.js'
import type { CallOptions } from './call-options.js'
import { withDeadline } from './deadline.js'
import type { GuestAgent } from './guest-agent.js'
import { guestExec } from './guest-exec.js'
import { type Endpoint, openStream } from './open-stream.js'

/** How to connect. */
export interface ConnectGuestAgentOptions extends CallOptions {
  /** Time for the connection and the first synchronisation together. @defaultValue 10000 */
  readonly timeoutMs?: number | undefined
  /** What calls take for their own `timeoutMs`; freeze, thaw and exec take 60000. @defaultValue 30000 */
  readonly commandTimeoutMs?: number | undefined
  /** Longest message that is taken; 16 MiB of captured output are 22 MiB in one. @defaultValue 16777216 (16 MiB) */
  readonly maxMessageBytes?: number | undefined
}

/** Freeze hooks flush databases, and programs take their time. */
const slowTimeoutMs = 60_000

/**
 * Connects to a guest agent and synchronises (QEMU, docs/interop/qemu-ga-ref, guest-sync-delimited).
 *
 * A socket of QEMU connects whether or not an agent runs in the guest: then this throws `timeout`.
 *
 * Guarantee: answers to earlier clients of the same channel are dropped. When this throws, the connection is closed.
 * Abort: closes the connection.
 *
 * @throws QmpError `connect`, `closed`, `timeout`, `aborted`, `protocol` where the agent talks on unasked
 */
export async function connectGuestAgent(
  endpoint: Endpoint,
  options: ConnectGuestAgentOptions = {},
): Promise<GuestAgent> {
  const { signal, timeoutMs = 10_000, commandTimeoutMs = 30_000, maxMessageBytes = 2 ** 24 } = options
  const waiting = {
    what: "The guest agent's first answer",
    hint: 'Check that qemu-guest-agent is installed and runs in the guest, and that the guest has started.',
  }
  const channel = await withDeadline(waiting, { signal, timeoutMs }, async (deadline) => {
    const opened = agentChannel(await openStream(endpoint, deadline), { maxMessageBytes })
    try {
      await opened.synchronise({ signal: deadline, timeoutMs: Infinity })
      return opened
    } catch (error) {
      opened.end()
      throw error
    }
  })

  const execute: GuestAgent['execute'] = (command, args, callOptions = {}) =>
    channel.exchange(command, args, {
      signal: callOptions.signal,
      timeoutMs: callOptions.timeoutMs ?? commandTimeoutMs,
    })
  const slowly = (callOptions: CallOptions = {}) => ({
    signal: callOptions.signal,
    timeoutMs: callOptions.timeoutMs ?? slowTimeoutMs,
  })

  return {
    execute,
    ping: async (callOptions) => {
      await execute('guest-ping', undefined, callOptions)
    },
    info: async (callOptions) => readGuestInfo(await execute('guest-info', undefined, callOptions)),
    fsInfo: async (callOptions) => readGuestFileSystems(await execute('guest-get-fsinfo', undefined, callOptions)),
    fsfreezeStatus: async (callOptions) =>
      readFreezeState(await execute('guest-fsfreeze-status', undefined, callOptions)),
    fsfreezeFreeze: async ({ mountpoints, ...callOptions } = {}) => {
      const frozen =
        mountpoints === undefined
          ? await execute('guest-fsfreeze-freeze', undefined, slowly(callOptions))
          : await execute('guest-fsfreeze-freeze-list', { mountpoints }, slowly(callOptions))
      return sizeOf(frozen, 'The number of frozen file systems')
    },
    fsfreezeThaw: async (callOptions) => {
      const limits = { ...slowly(callOptions), isUrgent: true }
      return sizeOf(
        await channel.exchange('guest-fsfreeze-thaw', undefined, limits),
        'The number of thawed file systems',
      )
    },
    exec: (program, callOptions) => guestExec(execute, program, slowly(callOptions)),
    closed: channel.closed,
    [Symbol.asyncDispose]: async () => {
      channel.end()
      await channel.released
    },
  }
}
