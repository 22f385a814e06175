import { isBackupError } from '@holdfast/core'
import { seededBytes, seededNumbers } from '../../images/seeded-random.js'
import { describeError, expectThat, fail } from '../expect.js'
import { textOf } from './frames.js'
import {
  encodeFrame,
  frameContext,
  guardedBuffer,
  loadCodec,
  type TransformCheck,
  type TransformCheckEnvironment,
} from './transform-check.js'

/** Decoding distrusts its input. */
export const hostileChecks: readonly TransformCheck[] = [
  {
    id: 'transform/hostile-input',
    kind: 'transform',
    title: 'throws on truncated, altered, random and oversized input, without writing outside its output',
    run: async (env) => {
      const attempt = await decoding(env)
      for (const plain of [textOf(30_000), seededBytes(30_000, 8)]) {
        const encoded = attempt.encode(plain)
        if (encoded === undefined) continue
        for (const length of [0, 1, 2, encoded.length >> 1, encoded.length - 1]) {
          const outcome = attempt.decode(encoded.subarray(0, length), plain.length)
          const noticed = outcome === 'threw' || (!attempt.authenticates && outcome !== plain.length)
          expectThat(noticed, `A frame cut to ${length} of ${encoded.length} bytes decodes to ${outcome} bytes.`)
        }
        for (const room of [0, 1, 4096, plain.length - 1]) {
          const outcome = attempt.decode(encoded, room)
          expectThat(outcome === 'threw', `A frame of 30000 bytes decodes into an output of ${room} bytes.`)
        }
        const next = seededNumbers(9)
        for (let count = 0; count < 200; count++) {
          const altered = encoded.slice()
          altered[next() % altered.length] = next() & 0xff
          attempt.decode(altered, plain.length)
        }
      }
      for (let seed = 0; seed < 200; seed++) attempt.decode(seededBytes(seed * 7, seed), 10_000)
      const bomb = attempt.encode(new Uint8Array(4 * 1024 * 1024))
      if (bomb === undefined) return
      expectThat(
        attempt.decode(bomb, 4096) === 'threw',
        'A frame of 4 MiB of zeros decodes into an output of 4096 bytes.',
      )
    },
  },
  {
    id: 'transform/tamper',
    kind: 'transform',
    title: 'rejects a frame of which any bit was altered',
    needs: ({ authenticates }) => authenticates,
    run: async (env) => {
      const attempt = await decoding(env)
      const plain = textOf(500)
      const encoded = attempt.encode(plain)
      if (encoded === undefined) return
      for (let at = 0; at < encoded.length; at++) {
        for (const bit of [0, 3, 7]) {
          const altered = encoded.slice()
          altered[at] = (altered[at] ?? 0) ^ (1 << bit)
          const outcome = attempt.decode(altered, plain.length)
          expectThat(outcome === 'threw', `A frame with bit ${bit} of byte ${at} flipped decodes.`)
        }
      }
      const longer = Buffer.concat([encoded, new Uint8Array(1)])
      expectThat(attempt.decode(longer, plain.length + 1) === 'threw', 'A frame with a byte appended decodes.')
    },
  },
]

/** Encodes and decodes for the check; a decode tells the length it gave, or that it threw as it should. */
async function decoding(env: TransformCheckEnvironment) {
  const plugin = env.create()
  const codec = await loadCodec(plugin)
  const context = frameContext(plugin)
  return {
    authenticates: plugin.capabilities.authenticates,
    encode: (plain: Uint8Array) => encodeFrame(plugin, codec, plain, context),
    decode: (encoded: Uint8Array, room: number): number | 'threw' => {
      const output = guardedBuffer(room)
      try {
        const length = codec.decode(encoded, output.room, context)
        expectThat(length >= 0 && length <= room, `decode returned the length ${length}; there was room for ${room}.`)
        return length
      } catch (error) {
        const owned =
          isBackupError(error) &&
          (error.code === 'E_TRANSFORM' || error.code === 'E_DAMAGED' || error.code.startsWith('E_X_'))
        if (!owned)
          fail(`Decoding hostile input threw ${describeError(error)}, expected E_TRANSFORM or E_DAMAGED.`, error)
        return 'threw'
      } finally {
        output.expectIntact('Decoding hostile input')
      }
    },
  }
}
