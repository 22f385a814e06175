import { BackupError, type TransformCodec } from '@holdfast/core'
import type { ZstdBinding, ZstdRefusal } from './zstd-binding.js'

/** A sample is this many pieces, evenly spread over the frame. */
const samplePieces = 16
const pieceBytes = 4096
const sampleBytes = samplePieces * pieceBytes

/** Makes the codec over a binding: what is worth compressing, and what a refused frame means. */
export function frameCodec(binding: ZstdBinding): TransformCodec {
  const sample = new Uint8Array(sampleBytes)
  const compress = (input: Uint8Array, output: Uint8Array) =>
    binding.compress(input, output.subarray(0, worthwhile(input)))
  return {
    encode: (input, output) => {
      // Media and encrypted disks: a hopeless attempt costs a tenth of what storing the frame does.
      if (input.length >= 4 * sampleBytes && compress(gather(input, sample), output) === undefined) return undefined
      return compress(input, output)
    },
    decode: (input, output, { sequence }) => {
      const outcome = binding.decompress(input, output)
      if (typeof outcome === 'number') return outcome
      throw damaged(outcome, sequence)
    },
    [Symbol.dispose]: () => binding[Symbol.dispose]?.(),
  }
}

/** A smaller gain is not worth decoding for, and the small room ends hopeless attempts early. */
function worthwhile({ length }: Uint8Array): number {
  return length - Math.ceil(length / 32)
}

function gather(input: Uint8Array, sample: Uint8Array): Uint8Array {
  const stride = Math.floor(input.length / samplePieces)
  for (let piece = 0; piece < samplePieces; piece++) {
    sample.set(input.subarray(piece * stride, piece * stride + pieceBytes), piece * pieceBytes)
  }
  return sample
}

function damaged({ reason, cause }: ZstdRefusal, sequence: number): BackupError {
  return new BackupError('E_DAMAGED', `A zstd frame cannot be decompressed: ${reason}.`, {
    plugin: 'zstd',
    operation: 'transform.decode',
    context: { sequence },
    hint: 'The stored bytes are not what was written. Run verify to list the damage, and repair from another copy.',
    cause,
  })
}
