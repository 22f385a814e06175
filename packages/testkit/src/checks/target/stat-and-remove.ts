import { seededBytes } from '../../images/seeded-random.js'
import { expectBackupError, expectEqual, expectThat } from '../expect.js'
import {
  expectInvisible,
  expectObject,
  keyOf,
  listKeys,
  openTarget,
  putBytes,
  type TargetCheck,
} from './target-check.js'

const dayMs = 86_400_000

/** Describing and removing objects, and ones that are not there. */
export const statAndRemoveChecks: readonly TargetCheck[] = [
  {
    id: 'target/stat/describes',
    kind: 'target',
    title: 'tells key, size and time of an object',
    run: async (env) => {
      await using session = await openTarget(env)
      const key = keyOf(env, 'described')
      await putBytes(env, session, key, seededBytes(12_345, 61))
      const info = await session.stat(key, { signal: env.signal })
      expectThat(info !== undefined, 'stat finds nothing.')
      expectEqual([info.key, info.sizeBytes], [key, 12_345], 'Key and size')
      const ageMs = env.context.clock.now().getTime() - info.modifiedAt.getTime()
      expectThat(Math.abs(ageMs) < dayMs, `modifiedAt is ${info.modifiedAt.toISOString()}, more than a day off.`)
    },
  },
  {
    id: 'target/stat/missing',
    kind: 'target',
    title: 'answers undefined for an object that is not there',
    run: async (env) => {
      await using session = await openTarget(env)
      await putBytes(env, session, keyOf(env, 'folder/there'), seededBytes(10, 62))
      for (const name of ['none', 'folder', 'folder/ther', 'folder/there/none']) {
        const info = await session.stat(keyOf(env, name), { signal: env.signal })
        expectThat(info === undefined, `stat of '${name}' answers ${JSON.stringify(info)}.`)
      }
    },
  },
  {
    id: 'target/remove/gone',
    kind: 'target',
    title: 'removes the named object and no other',
    needs: ({ removes }) => removes,
    run: async (env) => {
      await using session = await openTarget(env)
      const bytes = seededBytes(1_000, 63)
      for (const name of ['a/1', 'a/11', 'a/2']) await putBytes(env, session, keyOf(env, name), bytes)
      await session.remove(keyOf(env, 'a/1'), { signal: env.signal })
      expectThat((await session.stat(keyOf(env, 'a/1'), { signal: env.signal })) === undefined, 'stat still finds it.')
      expectEqual(await listKeys(env, session), [keyOf(env, 'a/11'), keyOf(env, 'a/2')], 'Keys afterwards')
      await expectObject(env, session, keyOf(env, 'a/11'), bytes, 'Its neighbour')
    },
  },
  {
    id: 'target/remove/twice',
    kind: 'target',
    title: 'takes removing an object that is not there as done',
    needs: ({ removes }) => removes,
    run: async (env) => {
      await using session = await openTarget(env)
      const { signal } = env
      const key = keyOf(env, 'gone')
      await session.remove(key, { signal })
      await session.remove(keyOf(env, 'no/such/folder'), { signal })
      await putBytes(env, session, key, seededBytes(10, 64))
      await session.remove(key, { signal })
      await session.remove(key, { signal })
      await expectInvisible(env, session, key, 'An object removed twice')
    },
  },
  {
    id: 'target/remove/undeclared',
    kind: 'target',
    title: 'refuses to remove what it keeps',
    needs: ({ removes }) => !removes,
    run: async (env) => {
      await using session = await openTarget(env)
      const [key, bytes] = [keyOf(env, 'kept'), seededBytes(1_000, 65)]
      await putBytes(env, session, key, bytes)
      await expectBackupError(session.remove(key, { signal: env.signal }), ['E_UNSUPPORTED'], 'Removing an object')
      await expectObject(env, session, key, bytes, 'The object afterwards')
    },
  },
]
