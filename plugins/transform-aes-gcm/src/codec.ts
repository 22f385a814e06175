import type { CodecParameters, TransformCodec } from '@holdfast/core'
import { openCryptoCipher } from './crypto-cipher.js'
import { unusable } from './errors.js'
import { frameCodec } from './frame-codec.js'
import { openLibraryCipher } from './library-cipher.js'

/** Version of the encoded form: ciphertext as long as the frame, then the tag. */
export const codecVersion = 1

/**
 * Makes the codec over the fastest cipher that this Node has. Called by the engine, once a worker and set of parameters.
 *
 * When `decode` throws, part of the output is overwritten with bytes that nothing vouches for: do not use them.
 * @throws BackupError `E_TRANSFORM` for data of a later version
 */
export function createCodec(_parameters: CodecParameters, version: number): TransformCodec {
  if (version !== codecVersion) {
    const hint = 'The data was written by a later @holdfast/transform-aes-gcm: install that version.'
    throw unusable(`Version ${version} of transform 'aes-gcm' is unknown here.`, 'transform.createCodec', hint)
  }
  return frameCodec(openLibraryCipher() ?? openCryptoCipher())
}
