import { BackupError, type TargetSession } from '@holdfast/core'
import { seededBytes } from '../../images/seeded-random.js'
import { expectAborted, expectBackupError, expectEqual, expectThat } from '../expect.js'
import { bodyOf } from '../streams.js'
import { expectObject, inParallel, keyOf, listKeys, openTarget, putBytes, type TargetCheck } from './target-check.js'

/** Sessions come and go and see one store. */
export const sessionChecks: readonly TargetCheck[] = [
  {
    id: 'target/sessions/see-each-other',
    kind: 'target',
    title: 'shows what one session stores to every other at once',
    needs: ({ sequential }) => !sequential,
    run: async (env) => {
      const plugin = env.create()
      await using one = await openTarget(env, plugin)
      await using other = await openTarget(env, plugin)
      const [key, bytes] = [keyOf(env, 'shared'), seededBytes(20_000, 81)]
      await putBytes(env, one, key, bytes)
      await expectObject(env, other, key, bytes, 'The object, seen from another session')
      if (!plugin.capabilities.removes) return
      await other.remove(key, { signal: env.signal })
      expectThat((await one.stat(key, { signal: env.signal })) === undefined, 'The first session still sees it.')
    },
  },
  {
    id: 'target/sessions/reopen',
    kind: 'target',
    title: 'keeps objects when every session is closed',
    run: async (env) => {
      const plugin = env.create()
      const [key, bytes] = [keyOf(env, 'kept'), seededBytes(20_000, 82)]
      {
        await using session = await openTarget(env, plugin)
        await putBytes(env, session, key, bytes)
        await session.sync?.({ signal: env.signal })
      }
      await using session = await openTarget(env, plugin)
      await expectObject(env, session, key, bytes, 'The object after reopening')
    },
  },
  {
    id: 'target/sync/kept',
    kind: 'target',
    title: 'keeps what was synced when its session is given up, and of the rest a beginning',
    needs: ({ sync }) => sync,
    run: async (env) => {
      const plugin = env.create()
      const names = Array.from({ length: 6 }, (_, at) => `object-${at}`)
      const syncedCount = 3
      {
        await using session = await openTarget(env, plugin)
        for (const [at, name] of names.entries()) {
          await putBytes(env, session, keyOf(env, name), seededBytes(30_000 + at, at))
          if (at === syncedCount - 1) await session.sync?.({ signal: env.signal })
        }
      }
      await using session = await openTarget(env, plugin)
      const left = await listKeys(env, session)
      expectThat(left.length >= syncedCount, `Of ${syncedCount} objects that were synced ${left.length} are left.`)
      expectEqual(
        left,
        names.slice(0, left.length).map((name) => keyOf(env, name)),
        'Keys after reopening',
      )
      for (const [at, name] of names.slice(0, left.length).entries())
        await expectObject(env, session, keyOf(env, name), seededBytes(30_000 + at, at), `Object ${at}`)
    },
  },
  {
    id: 'target/sessions/dispose-twice',
    kind: 'target',
    title: 'can be disposed twice',
    run: async (env) => {
      const session = await openTarget(env)
      await session[Symbol.asyncDispose]()
      await session[Symbol.asyncDispose]()
    },
  },
  {
    id: 'target/sessions/open-aborted',
    kind: 'target',
    title: 'does not open when already aborted',
    run: async (env) => {
      const signal = AbortSignal.abort(new Error('too late'))
      await expectAborted(env.create().open({ ...env.context, signal }), signal, 'open with an aborted signal')
    },
  },
  {
    id: 'target/put/concurrent',
    kind: 'target',
    title: 'stores many objects at once without mixing them up',
    run: async (env) => {
      const plugin = env.create()
      await using session = await openTarget(env, plugin)
      const names = Array.from({ length: 24 }, (_, at) => `writer-${at}`)
      await inParallel(plugin, names, (name, at) =>
        putBytes(env, session, keyOf(env, name), seededBytes(50_000 + at, at)),
      )
      for (const [at, name] of names.entries()) {
        await expectObject(env, session, keyOf(env, name), seededBytes(50_000 + at, at), `Object of ${name}`)
      }
    },
  },
  {
    id: 'target/put/failure-spares-others',
    kind: 'target',
    title: 'lets other puts succeed while one fails',
    needs: ({ maxConcurrency }) => maxConcurrency >= 2,
    run: async (env) => {
      await using session: TargetSession = await openTarget(env)
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield seededBytes(1_000, 83)
        throw new BackupError('E_SOURCE_READ', 'The disk cannot be read.')
      }
      const bytes = seededBytes(200_000, 84)
      const good = session.put(keyOf(env, 'folder/good'), bodyOf(bytes, 5_000), { signal: env.signal })
      const bad = session.put(keyOf(env, 'folder/bad'), failing(), { signal: env.signal })
      await expectBackupError(bad, ['E_SOURCE_READ', 'E_TARGET_*'], 'The failing put')
      await good
      await expectObject(env, session, keyOf(env, 'folder/good'), bytes, 'The other object')
    },
  },
]
