import { type FrameContext, isBackupError, type TransformCodec } from '@holdfast/core'
import { seededBytes } from '../../images/seeded-random.js'
import { describeError, expectThat, fail } from '../expect.js'
import { encodeFrame, frameContext, loadCodec, type TransformCheck } from './transform-check.js'

/** A run of keystream as long as this cannot agree by chance. */
const suspiciousRun = 24

/** Keys, sequences and associated data are really used. */
export const keyedChecks: readonly TransformCheck[] = [
  {
    id: 'transform/wrong-context',
    kind: 'transform',
    title: 'rejects a frame under another key, sequence or place',
    needs: ({ keyed, authenticates }) => keyed && authenticates,
    run: async (env) => {
      const plugin = env.create()
      const codec = await loadCodec(plugin)
      const [plain, right] = [seededBytes(5_000, 10), frameContext(plugin, 7)]
      const encoded = encodeFrame(plugin, codec, plain, right)
      if (encoded === undefined) return
      const key = right.key?.slice() ?? new Uint8Array(32)
      key[31] = (key[31] ?? 0) ^ 1
      const others: readonly (readonly [string, FrameContext])[] = [
        ['another key', { ...right, key }],
        ['another sequence', { ...right, sequence: 8 }],
        ['a sequence 2^31 away', { ...right, sequence: 7 + 2 ** 31 }],
        ['another pack', frameContext(plugin, 7, 'packs/ab/abcdee 0')],
        ['no associated data', frameContext(plugin, 7, '')],
        ['longer associated data', frameContext(plugin, 7, 'packs/ab/abcdef 0 ')],
      ]
      for (const [name, context] of others) expectRejected(codec, encoded, plain.length, context, name)
    },
  },
  {
    id: 'transform/nonce-reuse',
    kind: 'transform',
    title: 'never uses a keystream twice',
    needs: ({ keyed }) => keyed,
    run: async (env) => {
      const plugin = env.create()
      const [one, other] = [await loadCodec(plugin), await loadCodec(plugin)]
      const [plain, different] = [seededBytes(4_096, 11), seededBytes(4_096, 12)]
      const encode = (codec: TransformCodec, bytes: Uint8Array, context: FrameContext): Uint8Array =>
        encodeFrame(plugin, codec, bytes, context) ?? fail('A keyed transform left a frame as it is.')
      const first = encode(one, plain, frameContext(plugin, 1))
      const otherKey = { ...frameContext(plugin, 1), key: seededBytes(32, 201) }
      const frames: readonly (readonly [string, Uint8Array, Uint8Array])[] = [
        ['the next sequence', plain, encode(one, plain, frameContext(plugin, 2))],
        ['the next sequence, other content', different, encode(one, different, frameContext(plugin, 3))],
        ['a sequence 256 later', plain, encode(one, plain, frameContext(plugin, 257))],
        ['a sequence 65536 later', plain, encode(one, plain, frameContext(plugin, 65_537))],
        ['a sequence 2^31 later', plain, encode(one, plain, frameContext(plugin, 1 + 2 ** 31))],
        ['another codec, another sequence', plain, encode(other, plain, frameContext(plugin, 4))],
        ['another key', plain, encode(one, plain, otherKey)],
      ]
      for (const [name, bytes, encoded] of frames) {
        const run = longestSharedKeystream(first, plain, encoded, bytes)
        expectThat(run < suspiciousRun, `Two frames share ${run} bytes of keystream: ${name}.`)
      }
    },
  },
]

function expectRejected(
  codec: TransformCodec,
  encoded: Uint8Array,
  size: number,
  context: FrameContext,
  name: string,
): void {
  try {
    codec.decode(encoded, new Uint8Array(size), context)
  } catch (error) {
    if (!isBackupError(error))
      fail(`Decoding under ${name} threw ${describeError(error)}, which is not a BackupError.`, error)
    return
  }
  fail(`A frame decodes under ${name}.`)
}

/**
 * Longest run over which two encoded frames differ exactly as their plain bytes do.
 *
 * The frames may carry a header, so every small shift between encoded and plain bytes is tried.
 */
function longestSharedKeystream(a: Uint8Array, plainA: Uint8Array, b: Uint8Array, plainB: Uint8Array): number {
  let longest = 0
  for (let header = 0; header <= 64; header++) {
    let run = 0
    for (let at = 0; at < plainA.length && header + at < Math.min(a.length, b.length); at++) {
      const encodedDiffer = (a[header + at] ?? 0) ^ (b[header + at] ?? 0)
      run = encodedDiffer === ((plainA[at] ?? 0) ^ (plainB[at] ?? 0)) ? run + 1 : 0
      longest = Math.max(longest, run)
    }
  }
  return longest
}
