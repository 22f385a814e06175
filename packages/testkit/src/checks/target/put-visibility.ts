import { seededBytes } from '../../images/seeded-random.js'
import { expectBackupError, expectEqual, expectThat } from '../expect.js'
import { bodyOf } from '../streams.js'
import {
  expectInvisible,
  expectObject,
  keyOf,
  listKeys,
  openTarget,
  putBytes,
  type TargetCheck,
} from './target-check.js'

/** Others see nothing of an object, or all of it. */
export const putVisibilityChecks: readonly TargetCheck[] = [
  {
    id: 'target/put/visible-when-complete',
    kind: 'target',
    title: 'shows an object only once it is whole',
    needs: ({ maxConcurrency }) => maxConcurrency >= 2,
    run: async (env) => {
      const plugin = env.create()
      await using writer = await openTarget(env, plugin)
      await using reader = await openTarget(env, plugin)
      const [key, bytes] = [keyOf(env, 'half-way'), seededBytes(1_000_000, 21)]
      const before = await listKeys(env, reader, '')
      const half = Promise.withResolvers<void>()
      const goOn = Promise.withResolvers<void>()
      async function* body(): AsyncGenerator<Uint8Array> {
        yield* bodyOf(bytes.subarray(0, 700_000))
        half.resolve()
        await goOn.promise
        yield* bodyOf(bytes.subarray(700_000))
      }
      const putting = writer.put(key, body(), { signal: env.signal, sizeBytes: bytes.length })
      try {
        await Promise.race([half.promise, putting])
        for (const session of [reader, writer]) await expectInvisible(env, session, key, 'While the body is half read')
        expectEqual(await listKeys(env, reader, ''), before, 'Listing everything while the body is half read')
      } finally {
        goOn.resolve()
        await putting
      }
      await expectObject(env, reader, key, bytes, 'After the put resolved')
      expectThat((await listKeys(env, reader)).includes(key), 'After the put resolved, list does not show the object.')
    },
  },
  {
    id: 'target/put/exists',
    kind: 'target',
    title: 'refuses to overwrite an object and leaves it as it is',
    run: async (env) => {
      await using session = await openTarget(env)
      const [key, first] = [keyOf(env, 'once'), seededBytes(70_000, 22)]
      await putBytes(env, session, key, first)
      await expectBackupError(putBytes(env, session, key, first), ['E_OBJECT_EXISTS'], 'Putting the same bytes again')
      const second = putBytes(env, session, key, seededBytes(70_000, 23))
      await expectBackupError(second, ['E_OBJECT_EXISTS'], 'Putting a second object of that key')
      await expectObject(env, session, key, first, 'The first object afterwards')
      expectEqual(await listKeys(env, session), [key], 'Keys afterwards')
    },
  },
  {
    id: 'target/put/exclusive',
    kind: 'target',
    title: 'lets exactly one of several writers of a key win',
    needs: ({ exclusiveCreate, maxConcurrency }) => exclusiveCreate && maxConcurrency >= 2,
    run: async (env) => {
      const plugin = env.create()
      await using one = await openTarget(env, plugin)
      await using other = await openTarget(env, plugin)
      for (let round = 0; round < 5; round++) {
        const key = keyOf(env, `round-${round}`)
        const bodies = [seededBytes(90_000, round), seededBytes(90_000, round + 100)]
        const puts = bodies.map((bytes, at) => putBytes(env, at === 0 ? one : other, key, bytes))
        const outcomes = await Promise.allSettled(puts)
        const winners = outcomes.flatMap(({ status }, at) => (status === 'fulfilled' ? [at] : []))
        expectThat(winners.length === 1, `${winners.length} of 2 writers of one key were told that they stored it.`)
        await expectBackupError(
          puts[winners[0] === 0 ? 1 : 0] ?? Promise.resolve(),
          ['E_OBJECT_EXISTS'],
          'The other writer',
        )
        await expectObject(env, one, key, bodies[winners[0] ?? 0] ?? new Uint8Array(0), "The winner's object")
      }
    },
  },
]
