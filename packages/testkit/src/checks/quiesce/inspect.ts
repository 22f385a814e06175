import { expectEqual } from '../expect.js'
import { openQuiesce, type QuiesceCheck, whileFrozen } from './quiesce-check.js'

/** Looking at a machine tells how it stands. */
export const inspectChecks: readonly QuiesceCheck[] = [
  {
    id: 'quiesce/inspect/tells',
    kind: 'quiesce',
    title: 'tells whether the machine is frozen, and changes nothing by that',
    needs: ({ inspect }) => inspect,
    run: async (env) => {
      await using session = await openQuiesce(env)
      const call = { signal: env.signal }
      const expectTold = async (state: string, when: string) =>
        expectEqual(await session.inspect?.(env.machine, call), state, `What inspect tells ${when}`)
      await expectTold('thawed', 'before a freeze')
      await whileFrozen(env, session, async () => {
        await expectTold('frozen', 'inside a freeze')
        await expectTold('frozen', 'when it is asked again')
      })
      await expectTold('thawed', 'after the thaw')
    },
  },
]
