import type { CallOptions, Clock } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import type { QuiescePlugin, QuiesceSession } from '../contract/quiesce.js'
import { type Consistency, strongerConsistency } from '../model/consistency.js'
import type { MachineRef } from '../model/machine.js'
import type { QuiesceRecord } from '../repository/recovery-point.js'
import type { OnEvent } from './events.js'
import { heeding } from './heeding.js'

/** A hook with its open session. */
export interface OpenHook {
  readonly plugin: QuiescePlugin
  readonly session: QuiesceSession
}

/** What a frozen moment yielded. */
export interface Quiesced<T> {
  readonly result: T
  readonly consistency: Consistency
  readonly records: readonly QuiesceRecord[]
}

/** A thaw gets this long, whatever happened before. */
const thawDeadlineMs = 60_000

/**
 * Runs `take` while the hooks hold the machine frozen.
 *
 * Hooks freeze in order and thaw in reverse, always, exactly once each, also after a failed or aborted freeze; the freeze
 * never outlives the shortest `maxFreezeMs`. A hook that cannot thaw fails the machine loudly after all others thawed.
 */
export async function whileFrozen<T>(
  hooks: readonly OpenHook[],
  machine: MachineRef,
  policy: 'fail' | 'degrade',
  take: (options: CallOptions) => Promise<T>,
  clock: Clock,
  onEvent: OnEvent,
  options: CallOptions,
): Promise<Quiesced<T>> {
  const begun: { readonly hook: OpenHook; readonly startedAt: number }[] = []
  const records = new Map<OpenHook, QuiesceRecord>()
  let consistency: Consistency = 'crash'
  const longest = Math.min(...hooks.map((hook) => hook.plugin.capabilities.maxFreezeMs), 2 ** 31 - 1)
  const deadline = hooks.length === 0 ? options.signal : AbortSignal.any([options.signal, AbortSignal.timeout(longest)])

  const outcome = await settled(async () => {
    for (const hook of hooks) {
      begun.push({ hook, startedAt: clock.now().getTime() })
      try {
        const reached = await heeding(deadline, hook.session.freeze(machine, { signal: deadline }))
        consistency = strongerConsistency(consistency, reached.consistency)
        records.set(hook, { hook: hook.plugin.id, consistency: reached.consistency, frozenMs: 0 })
        onEvent({
          type: 'machine-frozen',
          machine: machine.name,
          hook: hook.plugin.id,
          consistency: reached.consistency,
        })
      } catch (error) {
        options.signal.throwIfAborted()
        if (policy === 'fail') throw freezeFailed(hook.plugin.id, machine, longest, deadline, error)
        records.set(hook, { hook: hook.plugin.id, consistency: 'crash', frozenMs: 0, failure: messageOf(error) })
      }
    }
    return heeding(deadline, take({ signal: deadline }), discard)
  })

  const thawFailures: BackupError[] = []
  for (const { hook, startedAt } of begun.reverse()) {
    try {
      const limit = AbortSignal.timeout(thawDeadlineMs)
      await heeding(limit, hook.session.thaw(machine, { signal: limit }))
    } catch (error) {
      thawFailures.push(thawFailed(hook.plugin.id, machine, error))
    }
    const frozenMs = clock.now().getTime() - startedAt
    const record = records.get(hook)
    if (record !== undefined) records.set(hook, { ...record, frozenMs })
    onEvent({ type: 'machine-thawed', machine: machine.name, hook: hook.plugin.id, frozenMs })
  }
  if (!outcome.ok) {
    const expired = deadline.aborted && !options.signal.aborted && outcome.error === deadline.reason
    const error = expired ? tooLong(machine, longest, outcome.error) : outcome.error
    const [thaw] = thawFailures
    if (thaw === undefined) throw error
    // That an application still stands frozen is the more urgent news of the two.
    throw new BackupError(thaw.code, `${thaw.message} Before that: ${messageOf(error)}`, {
      operation: 'quiesce.thaw',
      ...(thaw.plugin === undefined ? {} : { plugin: thaw.plugin }),
      ...(thaw.hint === undefined ? {} : { hint: thaw.hint }),
      cause: error,
    })
  }
  if (thawFailures.length > 0) {
    await discard(outcome.value)
    throw thawFailures[0]
  }
  return { result: outcome.value, consistency, records: [...records.values()] }
}

async function settled<T>(
  run: () => Promise<T>,
): Promise<{ readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }> {
  try {
    return { ok: true, value: await run() }
  } catch (error) {
    return { ok: false, error }
  }
}

async function discard(value: unknown): Promise<void> {
  const dispose = (value as Partial<AsyncDisposable> | undefined)?.[Symbol.asyncDispose]
  if (dispose !== undefined) await dispose.call(value)
}

function freezeFailed(
  hook: string,
  machine: MachineRef,
  longestMs: number,
  deadline: AbortSignal,
  cause: unknown,
): unknown {
  if (deadline.aborted) return tooLong(machine, longestMs, cause)
  if (isBackupError(cause)) return cause
  return new BackupError('E_FREEZE', `Hook '${hook}' could not freeze ${machine.name}: ${messageOf(cause)}`, {
    plugin: hook,
    operation: 'quiesce.freeze',
    cause,
  })
}

function thawFailed(hook: string, machine: MachineRef, cause: unknown): BackupError {
  return new BackupError('E_THAW', `Hook '${hook}' could not thaw ${machine.name}: ${messageOf(cause)}`, {
    plugin: hook,
    operation: 'quiesce.thaw',
    hint: 'The application may still be frozen: thaw it by hand now.',
    cause,
  })
}

function tooLong(machine: MachineRef, longestMs: number, cause: unknown): BackupError {
  return new BackupError(
    'E_TIMEOUT',
    `${machine.name} was frozen for longer than the ${longestMs} ms that its hooks allow; it was thawed and not captured.`,
    {
      operation: 'source.take',
      hint: "Raise the hook's limit, or find out why the snapshot takes so long.",
      cause,
    },
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
