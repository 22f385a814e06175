import { setTimeout as delay } from 'node:timers/promises'
import { type CallOptions, connectGuestAgent, type GuestAgent, isQmpError, type QmpError } from '@holdfast/protocol-qmp'
import { AgentError } from './agent-failure.js'

/** How to thaw. */
export interface ThawRequest {
  /** Unix socket of the agent's channel. */
  readonly path: string
  /** Longest wait for one answer. */
  readonly answerMs: number
  /** For how long it is tried again. */
  readonly patienceMs: number
}

/** What a thaw did. */
export interface Thawed {
  /** How many file systems the agent thawed; undefined where an answer was lost before. */
  readonly fileSystems: number | undefined
}

const retryMs = 250
/** A socket that nobody listens on is that of a machine that does not run: there is nothing to wait for. */
const absentPatienceMs = 2000

/**
 * Thaws a guest, frozen or not, and resolves when its agent says that it is thawed. It tries again, each time over a new
 * connection, until its patience ends.
 *
 * Abort: stops trying. An agent that is told already may thaw the guest all the same.
 *
 * @param connected a connection that exists, which is tried first and closed in the end
 * @throws QmpError of the last try; AgentError for a guest that is thawed, but whose thaw hooks failed
 */
export async function thawGuest(request: ThawRequest, signal: AbortSignal, connected?: GuestAgent): Promise<Thawed> {
  const { path, answerMs, patienceMs } = request
  const startedAt = performance.now()
  let agent = connected
  let isFirst = true
  for (;;) {
    try {
      agent ??= await connectGuestAgent({ path }, { signal, timeoutMs: answerMs })
      const fileSystems = await thawOnce(agent, { signal, timeoutMs: answerMs })
      return { fileSystems: isFirst ? fileSystems : undefined }
    } catch (error) {
      signal.throwIfAborted()
      const isAbsent = isQmpError(error) && error.code === 'connect'
      const limitMs = isAbsent ? Math.min(absentPatienceMs, patienceMs) : patienceMs
      if (error instanceof AgentError || performance.now() - startedAt >= limitMs) throw error
    } finally {
      // The channel takes one client at a time: the next try would wait for this one.
      await agent?.[Symbol.asyncDispose]()
      agent = undefined
    }
    isFirst = false
    await delay(retryMs, undefined, { signal })
  }
}

async function thawOnce(agent: GuestAgent, ask: CallOptions): Promise<number> {
  let refusal: QmpError | undefined
  const fileSystems = await agent.fsfreezeThaw(ask).catch((error: unknown) => {
    if (!isQmpError(error) || error.code !== 'command') throw error
    refusal = error
    return 0
  })
  const state = await agent.fsfreezeStatus(ask)
  if (state === 'thawed' && refusal === undefined) return fileSystems
  // Another try would run the thaw hooks again, and they would fail again.
  if (state === 'thawed') {
    throw new AgentError(`its file systems are thawed, but ${refusal?.message}`, "Look into the guest's freeze hooks.")
  }
  throw refusal ?? new Error('its agent thawed it and says that it is still frozen')
}
