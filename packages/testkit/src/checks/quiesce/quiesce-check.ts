import { checkFacets, type QuiescePlugin, type QuiesceSession, sessionFacets } from '@holdfast/core'
import type { Check, CheckEnvironment } from '../check.js'
import { expectThat } from '../expect.js'

/** What a check of a hook works with. */
export type QuiesceCheckEnvironment = CheckEnvironment<'quiesce'>

/** A check of a hook. */
export type QuiesceCheck = Check<'quiesce'>

/** Opens a session; disposing it is up to the check. */
export async function openQuiesce(
  env: QuiesceCheckEnvironment,
  plugin: QuiescePlugin = env.create(),
): Promise<QuiesceSession> {
  return checkFacets(plugin, await plugin.open(env.context), sessionFacets.quiesce)
}

/** Fails unless the machine is in that state, where the environment can tell. */
export async function expectState(
  env: QuiesceCheckEnvironment,
  state: 'frozen' | 'thawed',
  what: string,
): Promise<void> {
  const observed = (await env.observe?.()) ?? state
  expectThat(observed === state, `${what}: the machine is ${observed}.`)
}

/** Freezes, lets `while` look, and thaws whatever happens, so that no check leaves a frozen machine. */
export async function whileFrozen<T>(
  env: QuiesceCheckEnvironment,
  session: QuiesceSession,
  look: (result: Awaited<ReturnType<QuiesceSession['freeze']>>) => Promise<T>,
): Promise<T> {
  try {
    return await look(await session.freeze(env.machine, { signal: env.signal }))
  } finally {
    await session.thaw(env.machine, { signal: env.signal })
  }
}
