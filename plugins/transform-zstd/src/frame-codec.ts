import { BackupError, type TransformCodec } from '@holdfast/core'
import type { ZstdBinding, ZstdRefusal } from './zstd-binding.js'

/** Makes the codec over a binding: what is worth compressing, and what a refused frame means. */
export function frameCodec(binding: ZstdBinding): TransformCodec {
  return {
    encode: (input, output) => {
      // A smaller gain is not worth decoding for, and the small room ends hopeless attempts early.
      const roomBytes = input.length - Math.ceil(input.length / 32)
      return binding.compress(input, output.subarray(0, roomBytes))
    },
    decode: (input, output, { sequence }) => {
      const outcome = binding.decompress(input, output)
      if (typeof outcome === 'number') return outcome
      throw damaged(outcome, sequence)
    },
  }
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
