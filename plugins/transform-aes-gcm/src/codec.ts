import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM } from 'node:crypto'
import type { CodecParameters, FrameContext, TransformCodec } from '@holdfast/core'
import { damaged, keyMissing, unusable } from './errors.js'
import { nonceBytes, writeNonce } from './nonce.js'

/** Version of the encoded form: ciphertext as long as the frame, then the tag. */
export const codecVersion = 1

/** Length of the authentication tag, in bytes: the longest that GCM has. */
export const tagBytes = 16

const keyBytes = 32
const algorithm = 'aes-256-gcm'
/** The cipher returns a new buffer for each piece: from 128 KiB on, each would be a mapping of its own. */
const pieceBytes = 64 * 1024

/**
 * Makes the codec. Called by the engine, once a worker and set of parameters.
 *
 * When `decode` throws, part of the output is overwritten with bytes that nothing vouches for: do not use them.
 * @throws BackupError `E_TRANSFORM` for data of a later version
 */
export function createCodec(_parameters: CodecParameters, version: number): TransformCodec {
  if (version !== codecVersion) {
    const hint = 'The data was written by a later @holdfast/transform-aes-gcm: install that version.'
    throw unusable(`Version ${version} of transform 'aes-gcm' is unknown here.`, 'transform.createCodec', hint)
  }
  const nonce = Buffer.alloc(nonceBytes)
  return {
    encode: (input, output, context) => {
      const key = keyOf(context, 'transform.encode')
      writeNonce(nonce, context, 'transform.encode')
      const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
      cipher.setAAD(context.associatedData)
      const length = pump(cipher, input, output)
      cipher.final()
      output.set(cipher.getAuthTag(), length)
      return length + tagBytes
    },
    decode: (input, output, context) => {
      const key = keyOf(context, 'transform.decode')
      const plainBytes = input.length - tagBytes
      if (plainBytes < 0) throw damaged('it is shorter than its tag', context)
      if (plainBytes > output.length) throw damaged('it is longer than any frame here', context)
      writeNonce(nonce, context, 'transform.decode')
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
      decipher.setAAD(context.associatedData)
      decipher.setAuthTag(input.subarray(plainBytes))
      pump(decipher, input.subarray(0, plainBytes), output)
      authenticate(decipher, context)
      return plainBytes
    },
  }
}

function pump(cipher: CipherGCM | DecipherGCM, input: Uint8Array, output: Uint8Array): number {
  for (let offset = 0; offset < input.length; offset += pieceBytes) {
    // On shared memory, `set` copies word by word and `copy` does not.
    cipher.update(input.subarray(offset, offset + pieceBytes)).copy(output, offset)
  }
  return input.length
}

function authenticate(decipher: DecipherGCM, context: FrameContext): void {
  try {
    decipher.final()
  } catch (cause) {
    throw damaged('the tag does not fit key, place and content', context, cause)
  }
}

function keyOf({ key }: FrameContext, operation: 'transform.encode' | 'transform.decode'): Uint8Array {
  if (key === undefined) throw keyMissing(operation)
  if (key.length === keyBytes) return key
  throw unusable(`An AES-256 key has ${keyBytes} bytes, not ${key.length}.`, operation, 'This is a defect of the host.')
}
