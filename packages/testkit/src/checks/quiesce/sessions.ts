import { sessionFacets } from '@holdfast/core'
import { expectAborted, expectThat } from '../expect.js'
import { openQuiesce, type QuiesceCheck } from './quiesce-check.js'

/** What a hook declares, and how its sessions end. */
export const quiesceSessionChecks: readonly QuiesceCheck[] = [
  {
    id: 'quiesce/capabilities/deadline',
    kind: 'quiesce',
    title: 'declares a longest freeze that is a positive number of milliseconds',
    run: async (env) => {
      const { maxFreezeMs } = env.create().capabilities
      expectThat(Number.isFinite(maxFreezeMs) && maxFreezeMs > 0, `maxFreezeMs is ${maxFreezeMs}.`)
    },
  },
  {
    id: 'quiesce/facets/as-declared',
    kind: 'quiesce',
    title: 'offers exactly the facets that its capabilities declare',
    run: async (env) => {
      const plugin = env.create()
      await using session = await plugin.open(env.context)
      for (const facet of sessionFacets.quiesce) {
        const present = session[facet] !== undefined
        expectThat(
          present === plugin.capabilities[facet],
          `${facet} is declared ${plugin.capabilities[facet]} and is present: ${present}.`,
        )
      }
    },
  },
  {
    id: 'quiesce/sessions/dispose-twice',
    kind: 'quiesce',
    title: 'can be disposed twice',
    run: async (env) => {
      const session = await openQuiesce(env)
      await session[Symbol.asyncDispose]()
      await session[Symbol.asyncDispose]()
    },
  },
  {
    id: 'quiesce/sessions/open-aborted',
    kind: 'quiesce',
    title: 'does not open when already aborted',
    run: async (env) => {
      const signal = AbortSignal.abort(new Error('too late'))
      await expectAborted(env.create().open({ ...env.context, signal }), signal, 'open with an aborted signal')
    },
  },
]
