import {
  type CallOptions,
  type FreezeResult,
  type MachineRef,
  type PluginContext,
  parseDurationMs,
  type QuiesceSession,
  type QuiesceState,
} from '@holdfast/core'
import { connectGuestAgent } from '@holdfast/protocol-qmp'
import { failureOf } from './agent-failure.js'
import { agentSocket } from './agent-socket.js'
import type { GuestAgentQuiesceOptions } from './options.js'
import { orAborted } from './or-aborted.js'
import { freezeError, inspectError, thawError, thawedEarlyError } from './session-errors.js'
import { type Guard, startGuard } from './start-guard.js'
import { thawGuest } from './thaw-guest.js'

/** For how long a guard tries to thaw a guest whose agent does not answer. */
const guardPatienceMs = 600_000
/** The engine waits a minute for a thaw; what is wrong is better said before. */
const longestThawMs = 45_000

/** Opens the hook. Nothing is connected yet: each freeze has a process of its own, the guard. */
export async function openGuestAgents(
  options: GuestAgentQuiesceOptions,
  { signal: opening, baseDir }: PluginContext,
): Promise<QuiesceSession> {
  opening.throwIfAborted()
  const { mountpoints, consistency = 'filesystem' } = options
  const answerMs = parseDurationMs(options.timeout ?? '10s')
  const deadlineMs = parseDurationMs(options.maxFreeze ?? '30s')
  const thawMs = Math.min(3 * answerMs, longestThawMs)
  /** Undefined for a machine whose freeze failed before there was a guard: nothing to thaw. */
  const guards = new Map<MachineRef['id'], Guard | undefined>()

  const freeze = async (machine: MachineRef, { signal }: CallOptions): Promise<FreezeResult> => {
    signal.throwIfAborted()
    if (guards.get(machine.id) !== undefined) {
      throw freezeError(machine, { kind: 'agent', message: 'it is not thawed from the freeze before' })
    }
    guards.set(machine.id, undefined)
    const path = agentSocket(options, machine, baseDir)
    const how = mountpoints === undefined ? {} : { mountpoints }
    const guard = startGuard({ path, answerMs, deadlineMs, patienceMs: guardPatienceMs, ...how })
    guards.set(machine.id, guard)
    const answer = await orAborted(guard.frozen, signal).catch((error: unknown) => {
      guard.thaw()
      throw error
    })
    switch (answer.kind) {
      case 'frozen': {
        const { fileSystems } = answer
        return { consistency, detail: `${fileSystems} file ${fileSystems === 1 ? 'system' : 'systems'} frozen` }
      }
      case 'failed':
        throw freezeError(machine, answer.failure)
      case 'ended':
        throw freezeError(machine, { kind: 'agent', message: `the process that guards the freeze ${answer.reason}` })
    }
  }

  const thaw = async (machine: MachineRef, { signal }: CallOptions): Promise<void> => {
    signal.throwIfAborted()
    const guard = guards.get(machine.id)
    if (guard === undefined) {
      if (!guards.delete(machine.id)) await thawDirectly(machine, signal)
      return
    }
    guard.thaw()
    const limit = AbortSignal.any([signal, AbortSignal.timeout(thawMs)])
    const answer = await orAborted(guard.thawed, limit).catch(() => {
      signal.throwIfAborted()
      const minutes = guardPatienceMs / 60_000
      const message = `its agent did not do so within ${thawMs} ms; a process in the background tries for ${minutes} minutes`
      throw thawError(machine, { kind: 'timeout', message })
    })
    guards.delete(machine.id)
    guard.leave()
    const wasFrozen = (await guard.frozen).kind === 'frozen'
    switch (answer.kind) {
      case 'untouched':
        return
      case 'thawed':
        if (wasFrozen && answer.cause === 'deadline') throw thawedEarlyError(machine, `after ${deadlineMs} ms`)
        if (wasFrozen && answer.fileSystems === 0) throw thawedEarlyError(machine, 'by something else')
        return
      case 'not-thawed':
        throw thawError(machine, answer.failure)
      case 'ended':
        return await thawDirectly(machine, signal)
    }
  }

  const thawDirectly = async (machine: MachineRef, signal: AbortSignal) => {
    const path = agentSocket(options, machine, baseDir)
    try {
      await thawGuest({ path, answerMs, patienceMs: thawMs }, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw thawError(machine, failureOf(error))
    }
  }

  const inspect = async (machine: MachineRef, { signal }: CallOptions): Promise<QuiesceState> => {
    signal.throwIfAborted()
    // A guard has the channel for itself, and knows.
    const held = guards.get(machine.id)
    if (held !== undefined) return 'frozen'
    const path = agentSocket(options, machine, baseDir)
    try {
      await using agent = await connectGuestAgent({ path }, { signal, timeoutMs: answerMs })
      return await agent.fsfreezeStatus({ signal, timeoutMs: answerMs })
    } catch (error) {
      signal.throwIfAborted()
      throw inspectError(machine, failureOf(error))
    }
  }

  return {
    freeze,
    thaw,
    inspect,
    [Symbol.asyncDispose]: async () => {
      for (const guard of guards.values()) guard?.leave()
      guards.clear()
    },
  }
}
