import { seededBytes } from '../../images/seeded-random.js'
import { bodyOf, reusedBufferBody } from '../streams.js'
import { expectObject, keyOf, openTarget, putBytes, type TargetCheck } from './target-check.js'

const sizes = [1, 511, 4096, 65_535, 65_536, 65_537, 1_048_577]

/** What is put is what is stored, however the body hands it over. */
export const putContentChecks: readonly TargetCheck[] = [
  {
    id: 'target/put/round-trip',
    kind: 'target',
    title: 'stores objects of any size and gives them back byte for byte',
    run: async (env) => {
      await using session = await openTarget(env)
      for (const size of sizes) {
        const [key, bytes] = [keyOf(env, `size-${size}`), seededBytes(size, size)]
        await putBytes(env, session, key, bytes)
        await expectObject(env, session, key, bytes, `An object of ${size} bytes`)
      }
    },
  },
  {
    id: 'target/put/empty',
    kind: 'target',
    title: 'stores an empty object, with and without an announced size',
    run: async (env) => {
      await using session = await openTarget(env)
      await putBytes(env, session, keyOf(env, 'announced'), new Uint8Array(0))
      await session.put(keyOf(env, 'unannounced'), bodyOf(new Uint8Array(0)), { signal: env.signal })
      for (const name of ['announced', 'unannounced']) {
        await expectObject(env, session, keyOf(env, name), new Uint8Array(0), `An empty object (${name})`)
      }
    },
  },
  {
    id: 'target/put/unknown-size',
    kind: 'target',
    title: 'stores a body whose size was not announced, in pieces of any size',
    run: async (env) => {
      await using session = await openTarget(env)
      const bytes = seededBytes(300_001, 3)
      for (const pieceBytes of [7_919, 131_072, bytes.length]) {
        const key = keyOf(env, `pieces-of-${pieceBytes}`)
        await session.put(key, bodyOf(bytes, pieceBytes), { signal: env.signal })
        await expectObject(env, session, key, bytes, `A body in pieces of ${pieceBytes} bytes`)
      }
    },
  },
  {
    id: 'target/put/reused-buffer',
    kind: 'target',
    title: 'keeps no reference to a yielded buffer after asking for the next',
    run: async (env) => {
      await using session = await openTarget(env)
      const [key, bytes] = [keyOf(env, 'reused'), seededBytes(1_000_003, 11)]
      await session.put(key, reusedBufferBody(bytes, new Uint8Array(65_536)), {
        signal: env.signal,
        sizeBytes: bytes.length,
      })
      await expectObject(env, session, key, bytes, 'A body whose one buffer is refilled')
    },
  },
  {
    id: 'target/put/shared-memory',
    kind: 'target',
    title: 'takes bodies that lie in shared memory',
    run: async (env) => {
      await using session = await openTarget(env)
      const [key, bytes] = [keyOf(env, 'shared'), seededBytes(500_009, 12)]
      const buffer = new Uint8Array(new SharedArrayBuffer(65_536))
      await session.put(key, reusedBufferBody(bytes, buffer), { signal: env.signal, sizeBytes: bytes.length })
      await expectObject(env, session, key, bytes, 'A body in shared memory')
    },
  },
]
