import { seededBytes } from '../../images/seeded-random.js'
import { expectBytes, expectThat } from '../expect.js'
import { sampleFrames, textOf } from './frames.js'
import { encodeFrame, expectDecoded, frameContext, loadCodec, type TransformCheck } from './transform-check.js'

/** Decoding gives back what was encoded. */
export const roundTripChecks: readonly TransformCheck[] = [
  {
    id: 'transform/round-trip',
    kind: 'transform',
    title: 'decodes every frame to what was encoded',
    run: async (env) => {
      const plugin = env.create()
      const codec = await loadCodec(plugin)
      let sequence = 0
      for (const { name, bytes } of sampleFrames()) {
        const context = frameContext(plugin, sequence++)
        const encoded = encodeFrame(plugin, codec, bytes, context)
        if (encoded !== undefined) expectDecoded(codec, encoded, bytes, context, name)
      }
      for (const last of [0, 2 ** 31, 2 ** 32 - 1]) {
        const context = frameContext(plugin, last)
        const encoded = encodeFrame(plugin, codec, textOf(5_000), context)
        if (encoded !== undefined) expectDecoded(codec, encoded, textOf(5_000), context, `Sequence ${last}`)
      }
    },
  },
  {
    id: 'transform/fresh-codec',
    kind: 'transform',
    title: 'decodes with a codec that never encoded, in any order',
    run: async (env) => {
      const plugin = env.create()
      const encoder = await loadCodec(plugin)
      const frames = [textOf(9_000), seededBytes(9_000, 1), textOf(100_000), new Uint8Array(5_000)]
      const stored = frames.map((bytes, at) => ({
        bytes,
        at,
        encoded: encodeFrame(plugin, encoder, bytes, frameContext(plugin, at)),
      }))
      const decoder = await loadCodec(env.create())
      for (const { bytes, at, encoded } of [...stored.toReversed(), ...stored]) {
        if (encoded !== undefined) expectDecoded(decoder, encoded, bytes, frameContext(plugin, at), `Frame ${at}`)
      }
    },
  },
  {
    id: 'transform/shared-memory',
    kind: 'transform',
    title: 'encodes and decodes in shared memory, at any offset',
    run: async (env) => {
      const plugin = env.create()
      const codec = await loadCodec(plugin)
      for (const bytes of [textOf(70_001), seededBytes(70_001, 2)]) {
        const [input, encoded, decoded] = [0, plugin.capabilities.overheadBytes, 0].map((extra) =>
          new Uint8Array(new SharedArrayBuffer(bytes.length + extra + 3)).subarray(3),
        ) as [Uint8Array, Uint8Array, Uint8Array]
        input.set(bytes)
        const context = frameContext(plugin)
        const length = codec.encode(input, encoded, context)
        if (length === undefined) continue
        const decodedLength = codec.decode(encoded.subarray(0, length), decoded, context)
        expectThat(
          decodedLength === bytes.length,
          `decode returned the length ${decodedLength}, expected ${bytes.length}.`,
        )
        expectBytes(decoded, bytes, 'A frame in shared memory')
      }
    },
  },
  {
    id: 'transform/input-untouched',
    kind: 'transform',
    title: 'changes nothing in its input',
    run: async (env) => {
      const plugin = env.create()
      const codec = await loadCodec(plugin)
      for (const bytes of [textOf(20_000), seededBytes(20_000, 3)]) {
        const input = bytes.slice()
        const context = frameContext(plugin)
        const encoded = encodeFrame(plugin, codec, input, context)
        expectBytes(input, bytes, 'The input of encode afterwards')
        if (encoded === undefined) continue
        const kept = encoded.slice()
        expectDecoded(codec, encoded, bytes, context, 'The frame')
        expectBytes(encoded, kept, 'The input of decode afterwards')
      }
    },
  },
  {
    id: 'transform/larger-output',
    kind: 'transform',
    title: 'takes outputs that are larger than needed',
    run: async (env) => {
      const plugin = env.create()
      const codec = await loadCodec(plugin)
      const [bytes, context] = [textOf(10_000), frameContext(plugin)]
      const output = new Uint8Array(200_000)
      const length = codec.encode(bytes, output, context)
      if (length === undefined) return
      const decoded = new Uint8Array(200_000)
      const decodedLength = codec.decode(output.subarray(0, length), decoded, context)
      expectThat(
        decodedLength === bytes.length,
        `decode returned the length ${decodedLength}, expected ${bytes.length}.`,
      )
      expectBytes(decoded.subarray(0, decodedLength), bytes, 'A frame decoded into a larger output')
    },
  },
]
