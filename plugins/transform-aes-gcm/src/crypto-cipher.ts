import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM } from 'node:crypto'
import { type Cipher, tagBytes } from './cipher.js'

const algorithm = 'aes-256-gcm'
/** The cipher returns a new buffer for each piece: from 128 KiB on, each would be a mapping of its own. */
const pieceBytes = 64 * 1024

/** Encrypts with `node:crypto`: works everywhere, at the price of a buffer and a copy a piece. */
export function openCryptoCipher(): Cipher {
  return {
    encrypt: (input, output, { key, nonce, associatedData }) => {
      const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
      cipher.setAAD(associatedData)
      pump(cipher, input, output)
      cipher.final()
      output.set(cipher.getAuthTag(), input.length)
    },
    decrypt: (input, output, { key, nonce, associatedData }) => {
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
      decipher.setAAD(associatedData)
      decipher.setAuthTag(input.subarray(-tagBytes))
      pump(decipher, input.subarray(0, -tagBytes), output)
      try {
        decipher.final()
        return true
      } catch {
        return false
      }
    },
  }
}

function pump(cipher: CipherGCM | DecipherGCM, input: Uint8Array, output: Uint8Array): void {
  for (let offset = 0; offset < input.length; offset += pieceBytes) {
    cipher.update(input.subarray(offset, offset + pieceBytes)).copy(output, offset)
  }
}
