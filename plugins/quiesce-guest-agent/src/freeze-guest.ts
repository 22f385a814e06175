import type { GuestAgent } from '@holdfast/protocol-qmp'
import { AgentError } from './agent-failure.js'

/** How to freeze. */
export interface FreezeRequest {
  /** All that can be frozen, where there are none. */
  readonly mountpoints?: readonly string[]
  /** Longest wait for an answer, except to the freeze itself. */
  readonly answerMs: number
}

/** Who watches over a freeze. */
export interface FreezeWatch {
  /** Ends the freeze, with whatever its deadline is. */
  readonly signal: AbortSignal
  /** Called when the agent is told to freeze: from then on the guest may be frozen, whatever happens. */
  readonly onSent: () => void
}

/**
 * Freezes a guest that is not frozen, and resolves with the number of its file systems when it is.
 *
 * @throws AgentError, QmpError
 */
export async function freezeGuest(agent: GuestAgent, request: FreezeRequest, watch: FreezeWatch): Promise<number> {
  const { mountpoints, answerMs } = request
  const { signal, onSent } = watch
  const ask = { signal, timeoutMs: answerMs }
  if ((await agent.fsfreezeStatus(ask)) === 'frozen') throw frozenBefore()
  onSent()
  const count = await agent.fsfreezeFreeze({
    signal,
    // The signal is its deadline: hooks that flush a database take their time.
    timeoutMs: Number.POSITIVE_INFINITY,
    ...(mountpoints === undefined ? {} : { mountpoints }),
  })
  const wanted = mountpoints?.length ?? 1
  if (count < wanted) throw tooFew(count, mountpoints)
  if ((await agent.fsfreezeStatus(ask)) !== 'frozen') throw notFrozen()
  return count
}

function frozenBefore(): AgentError {
  return new AgentError(
    'it is frozen already, and not by this run',
    "An earlier run may have left it so, or another backup is at work. If none is, run 'holdfast doctor --thaw'.",
  )
}

function notFrozen(): AgentError {
  return new AgentError(
    'its agent froze it and says that it is not frozen',
    'Something else may have thawed it, such as another backup program.',
  )
}

function tooFew(count: number, mountpoints: readonly string[] | undefined): AgentError {
  if (mountpoints === undefined) {
    return new AgentError('its agent found no file system to freeze', 'Check what the guest mounts.')
  }
  return new AgentError(
    `its agent froze ${count} of the ${mountpoints.length} file systems in the option mountpoints`,
    'Each must be mounted in the guest, be spelt as there, and be of a kind that can be frozen.',
  )
}
