import { createHash } from 'node:crypto'
import { seededBytes } from '../../images/seeded-random.js'
import { expectThat } from '../expect.js'
import { liveBufferBytes } from '../live-memory.js'
import { keyOf, openTarget, type TargetCheck } from './target-check.js'

const pieceBytes = 1024 * 1024
const pieces = 64
const allowedBytes = 32 * 1024 * 1024

/** Objects need not fit in memory. */
export const largeObjectChecks: readonly TargetCheck[] = [
  {
    id: 'target/put/large-object',
    kind: 'target',
    title: 'streams a large object both ways instead of holding it in memory',
    needs: ({ maxObjectBytes }) => maxObjectBytes === undefined || maxObjectBytes >= pieces * pieceBytes,
    run: async (env) => {
      await using session = await openTarget(env)
      const key = keyOf(env, 'large')
      const buffer = seededBytes(pieceBytes, 101)
      const written = createHash('sha256')
      const before = liveBufferBytes()
      let peak = before
      const sample = (): void => {
        peak = Math.max(peak, liveBufferBytes())
      }
      async function* body(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < pieces; at++) {
          buffer[0] = at
          written.update(buffer)
          if (at % 16 === 15) sample()
          yield buffer
        }
      }
      await session.put(key, body(), { signal: env.signal, sizeBytes: pieces * pieceBytes })
      sample()
      const read = createHash('sha256')
      let [received, sampledAt] = [0, 0]
      for await (const piece of session.get(key, { signal: env.signal })) {
        read.update(piece)
        received += piece.length
        if (received - sampledAt >= 16 * pieceBytes) {
          sampledAt = received
          sample()
        }
      }
      expectThat(read.digest('hex') === written.digest('hex'), `A large object came back altered (${received} bytes).`)
      const grown = peak - before
      expectThat(
        env.storeInProcess === true || grown < allowedBytes,
        `Storing and reading ${pieces} MiB held ${Math.round(grown / 2 ** 20)} MiB in memory.`,
      )
    },
  },
]
