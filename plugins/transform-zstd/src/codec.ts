import { BackupError, type CodecParameters, type TransformCodec } from '@holdfast/core'
import { frameCodec } from './frame-codec.js'
import { openZstdBinding } from './zstd-binding.js'

/** Version of the encoded form: one standard Zstandard frame (RFC 8878) with its content size, no dictionary. */
export const codecVersion = 1

/**
 * Makes the codec. Called by the engine, once a worker and set of parameters.
 *
 * The codec keeps one compression and one decompression context for as long as its worker lives.
 * @throws BackupError `E_TRANSFORM` for data of a later version or parameters that no version wrote
 */
export function createCodec(parameters: CodecParameters, version: number): TransformCodec {
  if (version !== codecVersion) {
    throw new BackupError('E_TRANSFORM', `Version ${version} of transform 'zstd' is unknown here.`, {
      plugin: 'zstd',
      operation: 'transform.createCodec',
      context: { version },
      hint: 'The data was written by a later @holdfast/transform-zstd: install that version.',
    })
  }
  return frameCodec(openZstdBinding(levelOf(parameters)))
}

function levelOf(parameters: CodecParameters): number {
  const level = parameters['level']
  if (typeof level === 'number' && Number.isInteger(level) && level >= -7 && level <= 22) return level
  throw new BackupError('E_TRANSFORM', `Transform 'zstd' cannot work at level ${JSON.stringify(level)}.`, {
    plugin: 'zstd',
    operation: 'transform.createCodec',
    hint: 'A level is a whole number from -7 to 22. Parameters that were stored with data are damaged: run verify.',
  })
}
