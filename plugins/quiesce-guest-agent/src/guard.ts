import { connectGuestAgent, type GuestAgent } from '@holdfast/protocol-qmp'
import { type AgentFailure, failureOf } from './agent-failure.js'
import { freezeGuest } from './freeze-guest.js'
import type { FromGuard, GuardRequest, ThawCause } from './guard-messages.js'
import { type Thawed, thawGuest } from './thaw-guest.js'

/** Who a guard works for. */
export interface GuardOwner {
  readonly tell: (message: FromGuard) => void
  /** Aborts when the guest is to be thawed; the reason is a `ThawCause`. */
  readonly stop: AbortSignal
}

/**
 * Freezes a guest, holds it until the owner stops that or the deadline passes, and thaws it. Resolves when the guest is
 * thawed, or cannot be. Never rejects.
 *
 * The guard is the only client of the agent's channel, which takes one at a time, for as long as it runs.
 */
export async function runGuard(request: GuardRequest, { tell, stop }: GuardOwner): Promise<void> {
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort('deadline' satisfies ThawCause), request.deadlineMs)
  const signal = AbortSignal.any([stop, deadline.signal])
  let agent: GuestAgent | undefined
  let wasSent = false
  let cause: ThawCause = 'failed'
  try {
    agent = await connectGuestAgent({ path: request.path }, { signal, timeoutMs: request.answerMs })
    const onSent = () => {
      wasSent = true
    }
    const fileSystems = await freezeGuest(agent, request, { signal, onSent })
    tell({ kind: 'frozen', fileSystems })
    cause = await stopOf(signal)
  } catch (error) {
    const failure = deadline.signal.aborted ? tooSlow(request) : failureOf(error)
    tell({ kind: 'failed', failure, wasSent })
  } finally {
    clearTimeout(timer)
  }
  if (!wasSent) {
    await agent?.[Symbol.asyncDispose]()
    return
  }
  tell(await thaw(request, agent, cause))
}

async function thaw(request: GuardRequest, agent: GuestAgent | undefined, cause: ThawCause): Promise<FromGuard> {
  try {
    // Nothing stops this but its own patience: a guest must not stay frozen because somebody lost interest.
    const { fileSystems }: Thawed = await thawGuest(request, new AbortController().signal, agent)
    return { kind: 'thawed', fileSystems, cause }
  } catch (error) {
    return { kind: 'not-thawed', failure: failureOf(error) }
  }
}

function stopOf(signal: AbortSignal): Promise<ThawCause> {
  return new Promise((resolve) => {
    const end = () => resolve(signal.reason === 'deadline' || signal.reason === 'gone' ? signal.reason : 'asked')
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}

function tooSlow({ deadlineMs }: GuardRequest): AgentFailure {
  return {
    kind: 'timeout',
    message: `it was not frozen within ${deadlineMs} ms`,
    hint: "See what the guest's freeze hooks do, or raise the option maxFreeze.",
  }
}
