import { strongerConsistency } from '@holdfast/core'
import { expectAborted, expectBackupError, expectThat, settled } from '../expect.js'
import { expectState, openQuiesce, type QuiesceCheck, whileFrozen } from './quiesce-check.js'

/** Freezing reaches what it says, or fails in a way that can be undone. */
export const freezeChecks: readonly QuiesceCheck[] = [
  {
    id: 'quiesce/freeze/freezes',
    kind: 'quiesce',
    title: 'has the machine frozen when freeze resolves',
    offers: ['observe'],
    run: async (env) => {
      await using session = await openQuiesce(env)
      await expectState(env, 'thawed', 'Before freezing')
      await whileFrozen(env, session, () => expectState(env, 'frozen', 'After freeze resolved'))
    },
  },
  {
    id: 'quiesce/freeze/consistency',
    kind: 'quiesce',
    title: 'claims no more consistency than its capabilities declare',
    run: async (env) => {
      const plugin = env.create()
      await using session = await openQuiesce(env, plugin)
      const { consistency } = plugin.capabilities
      await whileFrozen(env, session, async (result) => {
        const known = ['application', 'filesystem', 'crash'].includes(result.consistency)
        expectThat(known, `'${result.consistency}' is no consistency.`)
        const most = strongerConsistency(consistency, result.consistency)
        expectThat(
          most === consistency,
          `freeze reached '${result.consistency}', the plugin declares '${consistency}'.`,
        )
      })
    },
  },
  {
    id: 'quiesce/freeze/failure-thaws',
    kind: 'quiesce',
    title: 'can be thawed after a freeze that failed half-way',
    offers: ['failFreeze'],
    run: async (env) => {
      await using session = await openQuiesce(env)
      await env.failFreeze?.(true)
      try {
        const freeze = session.freeze(env.machine, { signal: env.signal })
        await expectBackupError(freeze, ['E_FREEZE', 'E_TIMEOUT'], 'A freeze that fails')
      } finally {
        await env.failFreeze?.(false)
        await session.thaw(env.machine, { signal: env.signal })
      }
      await expectState(env, 'thawed', 'After a failed freeze and a thaw')
      await whileFrozen(env, session, () => expectState(env, 'frozen', 'Freezing again'))
    },
  },
  {
    id: 'quiesce/freeze/abort',
    kind: 'quiesce',
    title: 'can be thawed after a freeze that was aborted',
    run: async (env) => {
      await using session = await openQuiesce(env)
      const abort = new AbortController()
      const freezing = session.freeze(env.machine, { signal: abort.signal })
      abort.abort(new Error('enough'))
      try {
        const outcome = await settled(freezing, 'An aborted freeze')
        if (!outcome.resolved) await expectAborted(freezing, abort.signal, 'An aborted freeze')
      } finally {
        await session.thaw(env.machine, { signal: env.signal })
      }
      await expectState(env, 'thawed', 'After an aborted freeze and a thaw')
    },
  },
  {
    id: 'quiesce/freeze/deadline',
    kind: 'quiesce',
    title: 'gives up a freeze that hangs as soon as it is aborted',
    offers: ['stallFreeze'],
    run: async (env) => {
      await using session = await openQuiesce(env)
      const abort = new AbortController()
      await env.stallFreeze?.(true)
      try {
        const freezing = session.freeze(env.machine, { signal: abort.signal })
        const timer = setTimeout(() => abort.abort(new Error('the deadline is over')), 200)
        await expectAborted(freezing, abort.signal, 'A freeze that hangs').finally(() => clearTimeout(timer))
      } finally {
        await env.stallFreeze?.(false)
        await session.thaw(env.machine, { signal: env.signal })
      }
      await expectState(env, 'thawed', 'After a freeze that hung and a thaw')
    },
  },
  {
    id: 'quiesce/freeze/aborted-before',
    kind: 'quiesce',
    title: 'freezes nothing when already aborted',
    run: async (env) => {
      await using session = await openQuiesce(env)
      const signal = AbortSignal.abort(new Error('too late'))
      try {
        await expectAborted(session.freeze(env.machine, { signal }), signal, 'freeze with an aborted signal')
        await expectState(env, 'thawed', 'After freeze with an aborted signal')
      } finally {
        await session.thaw(env.machine, { signal: env.signal })
      }
    },
  },
]
