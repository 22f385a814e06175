import { sessionFacets } from '@holdfast/core'
import { expectAborted, expectThat } from '../expect.js'
import { openSource, type SourceCheck } from './source-check.js'

/** What a source declares, and how its sessions end. */
export const sourceSessionChecks: readonly SourceCheck[] = [
  {
    id: 'source/facets/as-declared',
    kind: 'source',
    title: 'offers exactly the facets that its capabilities declare',
    run: async (env) => {
      const plugin = env.create()
      await using session = await plugin.open(env.context)
      for (const facet of sessionFacets.source) {
        const present = session[facet] !== undefined
        expectThat(
          present === plugin.capabilities[facet],
          `${facet} is declared ${plugin.capabilities[facet]} and is present: ${present}.`,
        )
      }
    },
  },
  {
    id: 'source/sessions/dispose-twice',
    kind: 'source',
    title: 'can be disposed twice',
    run: async (env) => {
      const session = await openSource(env)
      await session[Symbol.asyncDispose]()
      await session[Symbol.asyncDispose]()
    },
  },
  {
    id: 'source/sessions/open-aborted',
    kind: 'source',
    title: 'does not open when already aborted',
    run: async (env) => {
      const signal = AbortSignal.abort(new Error('too late'))
      await expectAborted(env.create().open({ ...env.context, signal }), signal, 'open with an aborted signal')
    },
  },
]
