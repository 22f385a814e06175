import { Buffer } from 'node:buffer'
import type { FrameContext, TransformCodec } from '@holdfast/core'
import { type Cipher, tagBytes } from './cipher.js'
import { damaged, keyMissing, unusable } from './errors.js'
import { nonceBytes, writeNonce } from './nonce.js'

const keyBytes = 32

/** Makes the codec over a cipher: the nonce of a frame, and what a frame that does not authenticate means. */
export function frameCodec(cipher: Cipher): TransformCodec {
  const nonce = Buffer.alloc(nonceBytes)
  return {
    encode: (input, output, context) => {
      const key = keyOf(context, 'transform.encode')
      writeNonce(nonce, context, 'transform.encode')
      cipher.encrypt(input, output, { key, nonce, associatedData: context.associatedData })
      return input.length + tagBytes
    },
    decode: (input, output, context) => {
      const key = keyOf(context, 'transform.decode')
      const plainBytes = input.length - tagBytes
      if (plainBytes < 0) throw damaged('it is shorter than its tag', context)
      if (plainBytes > output.length) throw damaged('it is longer than any frame here', context)
      writeNonce(nonce, context, 'transform.decode')
      if (cipher.decrypt(input, output, { key, nonce, associatedData: context.associatedData })) return plainBytes
      throw damaged('the tag does not fit key, place and content', context)
    },
    [Symbol.dispose]: () => cipher[Symbol.dispose]?.(),
  }
}

function keyOf({ key }: FrameContext, operation: 'transform.encode' | 'transform.decode'): Uint8Array {
  if (key === undefined) throw keyMissing(operation)
  if (key.length === keyBytes) return key
  throw unusable(`An AES-256 key has ${keyBytes} bytes, not ${key.length}.`, operation, 'This is a defect of the host.')
}
