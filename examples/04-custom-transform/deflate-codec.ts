import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { BackupError, type CodecParameters, type TransformCodec } from '@holdfast/core'

/** Makes the codec; called once a worker, with what is stored beside the data. */
export function createCodec(parameters: CodecParameters, version: number): TransformCodec {
  const level = Number(parameters['level'])
  if (version !== 1 || !Number.isInteger(level)) {
    throw new BackupError(
      'E_TRANSFORM',
      `Deflate version ${version} at level ${parameters['level']} is unknown here.`,
      {
        plugin: 'deflate',
        hint: 'The data was written by a later version of this transform: install that one.',
      },
    )
  }
  return { encode: (input, output) => encode(input, output, level), decode }
}

function encode(input: Uint8Array, output: Uint8Array, level: number): number | undefined {
  const encoded = deflateRawSync(input, { level })
  // What did not become smaller is stored as it is; the host remembers which frames those are.
  if (encoded.length >= input.length) return undefined
  output.set(encoded)
  return encoded.length
}

function decode(input: Uint8Array, output: Uint8Array): number {
  try {
    // Without the limit a few bytes from a hand-made frame could fill the memory.
    const decoded = inflateRawSync(input, { maxOutputLength: Math.max(1, output.length) })
    if (decoded.length > output.length) throw new RangeError('it holds more than it should')
    output.set(decoded)
    return decoded.length
  } catch (cause) {
    throw new BackupError('E_DAMAGED', 'A deflate frame cannot be decompressed.', {
      plugin: 'deflate',
      operation: 'transform.decode',
      hint: 'Run verify to list the damage, and repair from another copy.',
      cause,
    })
  }
}
