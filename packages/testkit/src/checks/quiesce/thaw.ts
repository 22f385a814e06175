import { expectState, openQuiesce, type QuiesceCheck, whileFrozen } from './quiesce-check.js'

/** Thawing always brings the machine back, however often it is asked. */
export const thawChecks: readonly QuiesceCheck[] = [
  {
    id: 'quiesce/thaw/after-freeze',
    kind: 'quiesce',
    title: 'has the machine running when thaw resolves, time after time',
    run: async (env) => {
      await using session = await openQuiesce(env)
      for (const round of ['first', 'second', 'third']) {
        await whileFrozen(env, session, () => expectState(env, 'frozen', `In the ${round} freeze`))
        await expectState(env, 'thawed', `After the ${round} thaw`)
      }
    },
  },
  {
    id: 'quiesce/thaw/without-freeze',
    kind: 'quiesce',
    title: 'takes thawing a machine that is not frozen as done',
    run: async (env) => {
      await using session = await openQuiesce(env)
      await session.thaw(env.machine, { signal: env.signal })
      await whileFrozen(env, session, async () => undefined)
      await session.thaw(env.machine, { signal: env.signal })
      await expectState(env, 'thawed', 'After a thaw without a freeze')
    },
  },
  {
    id: 'quiesce/thaw/survives-abort',
    kind: 'quiesce',
    title: 'thaws although the run was aborted meanwhile',
    run: async (env) => {
      const run = new AbortController()
      await using session = await env.create().open({ ...env.context, signal: run.signal })
      try {
        await session.freeze(env.machine, { signal: env.signal })
        run.abort(new Error('the run is over'))
      } finally {
        await session.thaw(env.machine, { signal: env.signal })
      }
      await expectState(env, 'thawed', 'After thawing in an aborted run')
    },
  },
]
