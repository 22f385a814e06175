import { BackupError } from '@holdfast/core'
import { seededBytes } from '../../images/seeded-random.js'
import { describeError, expectAborted, expectBackupError, expectEqual, expectThat, fail, settled } from '../expect.js'
import { bodyOf } from '../streams.js'
import {
  expectInvisible,
  expectObject,
  keyOf,
  listKeys,
  openTarget,
  putBytes,
  type TargetCheck,
  type TargetCheckEnvironment,
} from './target-check.js'

/** A put that fails leaves nothing and says so. */
export const putFailureChecks: readonly TargetCheck[] = [
  {
    id: 'target/put/body-throws',
    kind: 'target',
    title: "passes a body's error on and leaves nothing behind",
    run: async (env) => {
      await using session = await openTarget(env)
      const before = await listKeys(env, session, '')
      for (const pieces of [0, 1, 20]) {
        const key = keyOf(env, `after-${pieces}`)
        const thrown = new BackupError('E_SOURCE_READ', 'The disk cannot be read.')
        async function* body(): AsyncGenerator<Uint8Array> {
          yield* bodyOf(seededBytes(pieces * 50_000, 31), 50_000)
          throw thrown
        }
        const what = `A put whose body throws after ${pieces} pieces`
        const outcome = await settled(session.put(key, body(), { signal: env.signal }), what)
        if (outcome.resolved) fail(`${what}: it succeeded.`)
        expectThat(
          carries(outcome.error, thrown),
          `${what}: it threw ${describeError(outcome.error)}, not the body's error.`,
        )
        await expectInvisible(env, session, key, what)
      }
      expectEqual(await listKeys(env, session, ''), before, 'Listing everything afterwards')
      await expectStillWorks(env, 'after-0')
    },
  },
  {
    id: 'target/put/abort',
    kind: 'target',
    title: 'stops soon when aborted and leaves nothing behind',
    run: async (env) => {
      await using session = await openTarget(env)
      const before = await listKeys(env, session, '')
      const abort = new AbortController()
      const key = keyOf(env, 'aborted')
      let asked = 0
      async function* body(): AsyncGenerator<Uint8Array> {
        for (const piece = seededBytes(65_536, 32); asked < 100_000; asked++) {
          if (asked === 3) abort.abort(new Error('enough'))
          yield piece
        }
      }
      await expectAborted(session.put(key, body(), { signal: abort.signal }), abort.signal, 'An aborted put')
      expectThat(asked < 1_000, `An aborted put read on: ${asked} more pieces.`)
      await expectInvisible(env, session, key, 'An aborted put')
      expectEqual(await listKeys(env, session, ''), before, 'Listing everything afterwards')
      await expectStillWorks(env, 'aborted')
    },
  },
  {
    id: 'target/put/abort-stuck-body',
    kind: 'target',
    title: 'stops soon when aborted, even while the body is stuck',
    run: async (env) => {
      await using session = await openTarget(env)
      const abort = new AbortController()
      const never = Promise.withResolvers<void>()
      async function* body(): AsyncGenerator<Uint8Array> {
        yield seededBytes(65_536, 33)
        setTimeout(() => abort.abort(new Error('enough')), 20)
        await never.promise
      }
      const key = keyOf(env, 'stuck')
      try {
        await expectAborted(session.put(key, body(), { signal: abort.signal }), abort.signal, 'A put of a stuck body')
      } finally {
        never.resolve()
      }
      await expectInvisible(env, session, key, 'An aborted put of a stuck body')
    },
  },
  {
    id: 'target/put/wrong-size',
    kind: 'target',
    title: 'refuses a body that is not as long as announced and leaves nothing behind',
    run: async (env) => {
      await using session = await openTarget(env)
      const bytes = seededBytes(100_000, 34)
      for (const sizeBytes of [0, 99_999, 100_001, 200_000]) {
        const key = keyOf(env, `announced-${sizeBytes}`)
        const what = `A body of 100000 bytes announced as ${sizeBytes}`
        await expectBackupError(
          session.put(key, bodyOf(bytes), { signal: env.signal, sizeBytes }),
          ['E_TARGET_IO'],
          what,
        )
        await expectInvisible(env, session, key, what)
      }
    },
  },
  {
    id: 'target/put/max-object',
    kind: 'target',
    title: 'stores objects up to its declared limit and refuses larger ones',
    needs: ({ maxObjectBytes }) => maxObjectBytes !== undefined && maxObjectBytes <= 64 * 1024 * 1024,
    run: async (env) => {
      const plugin = env.create()
      await using session = await openTarget(env, plugin)
      const limit = plugin.capabilities.maxObjectBytes ?? 0
      const largest = seededBytes(limit, 35)
      await putBytes(env, session, keyOf(env, 'largest'), largest)
      await expectObject(env, session, keyOf(env, 'largest'), largest, 'The largest object')
      const key = keyOf(env, 'too-large')
      const tooLarge = putBytes(env, session, key, seededBytes(limit + 1, 36))
      await expectBackupError(tooLarge, ['E_TARGET_*', 'E_UNSUPPORTED'], 'An object beyond the limit')
      await expectObject(env, session, keyOf(env, 'largest'), largest, 'The largest object afterwards')
      expectEqual(await listKeys(env, session), [keyOf(env, 'largest')], 'Keys afterwards')
    },
  },
]

/** Fails unless the key can be written after a failed attempt. */
async function expectStillWorks(env: TargetCheckEnvironment, name: string): Promise<void> {
  await using session = await openTarget(env)
  const bytes = seededBytes(10_000, 37)
  await putBytes(env, session, keyOf(env, name), bytes)
  await expectObject(env, session, keyOf(env, name), bytes, 'The same key put again')
}

function carries(error: unknown, thrown: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at === thrown) return true
  }
  return false
}
