import { BackupError, type MachineId, type QuiesceCapabilities, type QuiesceSession } from '@holdfast/core'
import { type RecordingQuiesce, recordingQuiesce } from '../../src/memory/index.js'
import type { Sabotage } from './sabotage.js'

const machine = { id: 'web-1' as MachineId, name: 'web-1' }
const neverAborted = new AbortController().signal

/** Hooks that freeze or thaw badly. */
export const brokenQuiesce: readonly Sabotage<'quiesce'>[] = [
  brokenHook('forgets to thaw', 'quiesce/thaw/after-freeze', /After the first thaw: the machine is frozen/, () => ({
    thaw: async () => undefined,
  })),
  brokenHook(
    'thaws only once',
    'quiesce/thaw/after-freeze',
    /After the second thaw: the machine is frozen/,
    (session) => {
      let thawed = false
      return {
        thaw: async (ref, options) => {
          if (!thawed) await session.thaw(ref, options)
          thawed = true
        },
      }
    },
  ),
  brokenHook('throws when there is nothing to thaw', 'quiesce/thaw/without-freeze', /Not frozen/, (session, hook) => ({
    thaw: async (ref, options) => {
      if (hook.state(ref) === 'thawed') throw new BackupError('E_THAW', 'Not frozen.')
      await session.thaw(ref, options)
    },
  })),
  brokenHook(
    'does not thaw when the run was aborted',
    'quiesce/thaw/survives-abort',
    /the run is over/,
    (session, _hook, run) => ({
      thaw: async (ref, options) => {
        run.throwIfAborted()
        await session.thaw(ref, options)
      },
    }),
  ),
  brokenHook('freezes nothing', 'quiesce/freeze/freezes', /the machine is thawed/, () => ({
    freeze: async () => ({ consistency: 'filesystem' }),
  })),
  brokenHook('resolves before the machine is frozen', 'quiesce/freeze/freezes', /the machine is thawed/, (session) => ({
    freeze: async (ref, options) => {
      setTimeout(() => session.freeze(ref, options), 20)
      return { consistency: 'filesystem' }
    },
  })),
  brokenHook(
    'claims more than it declares',
    'quiesce/freeze/consistency',
    /freeze reached 'application'/,
    (session) => ({
      freeze: async (ref, options) => ({ ...(await session.freeze(ref, options)), consistency: 'application' }),
    }),
  ),
  brokenHook(
    'cannot thaw what it half froze',
    'quiesce/freeze/failure-thaws',
    /After a failed freeze and a thaw/,
    (session) => {
      let frozen = false
      return {
        freeze: async (ref, options) => {
          const result = await session.freeze(ref, options)
          frozen = true
          return result
        },
        thaw: async (ref, options) => {
          if (frozen) await session.thaw(ref, options)
          frozen = false
        },
      }
    },
  ),
  brokenHook('takes a failed freeze for a good one', 'quiesce/freeze/failure-thaws', /it succeeded/, (session) => ({
    freeze: (ref, options) => session.freeze(ref, options).catch(() => ({ consistency: 'filesystem' as const })),
  })),
  brokenHook('fails with a foreign error', 'quiesce/freeze/failure-thaws', /not a BackupError/, (session) => ({
    freeze: (ref, options) =>
      session.freeze(ref, options).catch((cause: unknown) => {
        throw new Error('exit code 1', { cause })
      }),
  })),
  brokenHook('hangs past an abort', 'quiesce/freeze/deadline', /no answer within/, (session) => ({
    freeze: (ref) => session.freeze(ref, { signal: neverAborted }),
  })),
  brokenHook(
    'freezes although already aborted',
    'quiesce/freeze/aborted-before',
    /although it was aborted/,
    (session) => ({
      freeze: (ref) => session.freeze(ref, { signal: neverAborted }),
    }),
  ),
  brokenHook('freezes after an abort', 'quiesce/freeze/abort', /After an aborted freeze and a thaw/, (session) => ({
    freeze: async (ref, options) => {
      setImmediate(() => session.freeze(ref, { signal: neverAborted }))
      await new Promise(setImmediate)
      options.signal.throwIfAborted()
      return { consistency: 'filesystem' }
    },
    thaw: async () => undefined,
  })),
  brokenHook(
    'has a facet that it does not declare',
    'quiesce/facets/as-declared',
    /inspect is declared false/,
    () => ({}),
    { inspect: false },
  ),
  brokenHook('tells that nothing is ever frozen', 'quiesce/inspect/tells', /inside a freeze/, () => ({
    inspect: async () => 'thawed',
  })),
  brokenHook('thaws when it looks', 'quiesce/inspect/tells', /asked again/, (session) => {
    let state: 'frozen' | 'thawed' = 'thawed'
    return {
      freeze: async (ref, options) => {
        state = 'frozen'
        return await session.freeze(ref, options)
      },
      inspect: async () => {
        const was = state
        state = 'thawed'
        return was
      },
    }
  }),
  brokenHook('bears no freeze at all', 'quiesce/capabilities/deadline', /maxFreezeMs is 0/, () => ({}), {
    maxFreezeMs: 0,
  }),
  brokenHook('cannot be disposed twice', 'quiesce/sessions/dispose-twice', /already closed/, () => {
    let closed = false
    return {
      [Symbol.asyncDispose]: async () => {
        if (closed) throw new BackupError('E_THAW', 'It is already closed.')
        closed = true
      },
    }
  }),
]

/** How a flaw changes a session of a recording hook. */
type Breakage = (session: QuiesceSession, hook: RecordingQuiesce, run: AbortSignal) => Partial<QuiesceSession>

function brokenHook(
  flaw: string,
  caughtBy: string,
  because: RegExp,
  breakage: Breakage,
  capabilities: Partial<QuiesceCapabilities> = {},
): Sabotage<'quiesce'> {
  return {
    flaw,
    caughtBy,
    because,
    environment: () => {
      const hook = recordingQuiesce({ consistency: 'filesystem' })
      const open: typeof hook.open = async (context) => {
        const session = await hook.open(context)
        return { ...session, ...breakage(session, hook, context.signal) }
      }
      return {
        create: () =>
          Object.freeze({ ...hook, open, capabilities: Object.freeze({ ...hook.capabilities, ...capabilities }) }),
        machine,
        observe: async () => hook.state(machine),
        failFreeze: async (fail) => hook.behave(fail ? 'failing' : 'normal'),
        stallFreeze: async (stall) => hook.behave(stall ? 'stalling' : 'normal'),
      }
    },
  }
}
