import type { TransformPlugin } from '@holdfast/core'
import { type SampleFrame, sampleFrames } from './frames.js'
import { encodeFrame, frameContext, loadCodec } from './transform-check.js'

/** A frame and what a codec made of it; `undefined` where it was left as it is. */
export interface EncodedSample extends SampleFrame {
  readonly encoded: Uint8Array | undefined
}

/** Encodes every sample frame with one fresh codec, each under the next sequence. */
export async function* encodeSamples(plugin: TransformPlugin): AsyncGenerator<EncodedSample> {
  const codec = await loadCodec(plugin)
  let sequence = 0
  for (const { name, bytes } of sampleFrames())
    yield { name, bytes, encoded: encodeFrame(plugin, codec, bytes, frameContext(plugin, sequence++)) }
}
