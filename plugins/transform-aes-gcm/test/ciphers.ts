import type { TransformCodec } from '@holdfast/core'
import type { Cipher } from '../src/cipher.js'
import { openCryptoCipher } from '../src/crypto-cipher.js'
import { frameCodec } from '../src/frame-codec.js'
import { openLibraryCipher } from '../src/library-cipher.js'

/** Both ways to AES-256-GCM, by name; every promise of the codec is tested on each. */
export const codecs: readonly (readonly [name: string, codec: TransformCodec])[] = [
  ['library', frameCodec(libraryCipherOrFail())],
  ['node:crypto', frameCodec(openCryptoCipher())],
]

function libraryCipherOrFail(): Cipher {
  const cipher = openLibraryCipher()
  if (cipher === undefined)
    throw new Error('koffi or the OpenSSL of this Node is missing: half the tests would be void')
  return cipher
}
