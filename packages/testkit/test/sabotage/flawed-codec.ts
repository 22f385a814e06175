import { createCipheriv, createDecipheriv } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { BackupError, type CodecParameters, type FrameContext, type TransformCodec } from '@holdfast/core'

/** Makes the codec that the parameters name, with the flaw that they name; `flaw: 'none'` is intact. */
export function createCodec({ method, flaw }: CodecParameters): TransformCodec {
  return method === 'deflate' ? deflateCodec(String(flaw)) : gcmCodec(String(flaw))
}

const tagBytes = 16

function gcmCodec(flaw: string): TransformCodec {
  return {
    encode: (input, output, context) => {
      if (flaw === 'leaves small frames as they are' && input.length < 100) return undefined
      if (flaw === 'stores frames in clear') {
        output.set(input)
        return input.length + tagBytes
      }
      const cipher = createCipheriv('aes-256-gcm', keyOf(context, flaw), nonceOf(context, flaw))
      if (flaw !== 'ignores associated data') cipher.setAAD(context.associatedData)
      const encoded = Buffer.concat([cipher.update(input), cipher.final(), cipher.getAuthTag()])
      if (flaw === 'changes its input') input.fill(0)
      output.set(encoded.subarray(0, output.length))
      return encoded.length
    },
    decode: (input, output, context) =>
      guarded(flaw, () => {
        if (input.length < tagBytes) throw new BackupError('E_DAMAGED', 'The frame is too short.')
        const decipher = createDecipheriv('aes-256-gcm', keyOf(context, flaw), nonceOf(context, flaw))
        if (flaw !== 'ignores associated data') decipher.setAAD(context.associatedData)
        decipher.setAuthTag(input.subarray(input.length - tagBytes))
        const plain = decipher.update(input.subarray(0, input.length - tagBytes))
        if (flaw !== 'does not check the tag') decipher.final()
        return place(plain, output)
      }),
  }
}

function deflateCodec(flaw: string): TransformCodec {
  let previous: Uint8Array | undefined
  return {
    encode: (input, output) => {
      if (flaw === 'fails on empty frames' && input.length === 0)
        throw new BackupError('E_TRANSFORM', 'There is nothing to encode.')
      if (flaw === 'fails in shared memory' && input.buffer instanceof SharedArrayBuffer) {
        throw new BackupError('E_TRANSFORM', 'Shared memory is not supported.')
      }
      const dictionary = flaw === 'needs the frame before' && previous !== undefined ? { dictionary: previous } : {}
      const encoded = deflateRawSync(Buffer.from(input), { level: flaw === 'does not shrink' ? 0 : 6, ...dictionary })
      previous = input.slice()
      if (flaw === 'writes outside the output of encode') writeOutside(output, encoded)
      if (encoded.length > output.length) return flaw === 'returns more than fits' ? encoded.length : undefined
      output.set(encoded)
      return encoded.length
    },
    decode: (input, output) =>
      guarded(flaw, () => {
        const dictionary = flaw === 'needs the frame before' && previous !== undefined ? { dictionary: previous } : {}
        if (flaw === 'needs the frame before' && previous === undefined)
          throw new BackupError('E_TRANSFORM', 'Frame missing.')
        const finishFlush = flaw === 'accepts truncated frames' ? { finishFlush: 2 } : {}
        const plain = inflateRawSync(Buffer.from(input), { ...dictionary, ...finishFlush })
        if (flaw === 'accepts truncated frames') {
          output.fill(0).set(plain.subarray(0, output.length))
          return output.length
        }
        if (flaw === 'writes outside the output of decode') writeOutside(output, plain)
        if (flaw === 'cuts what does not fit') {
          output.set(plain.subarray(0, output.length))
          return Math.min(plain.length, output.length)
        }
        if (flaw === 'swaps the last two bytes') plain.subarray(-2).reverse()
        if (flaw === 'fills the whole output') {
          place(plain, output)
          return output.length
        }
        return place(plain, output)
      }),
  }
}

function guarded(flaw: string, decode: () => number): number {
  try {
    return decode()
  } catch (cause) {
    if (flaw === 'throws foreign errors') throw cause
    throw new BackupError('E_DAMAGED', 'The frame cannot be decoded.', { cause })
  }
}

function place(plain: Uint8Array, output: Uint8Array): number {
  if (plain.length > output.length) throw new BackupError('E_TRANSFORM', 'The frame is larger than its output.')
  output.set(plain)
  return plain.length
}

function writeOutside(output: Uint8Array, bytes: Uint8Array): void {
  new Uint8Array(output.buffer, output.byteOffset).set(bytes.subarray(0, output.buffer.byteLength - output.byteOffset))
}

function keyOf({ key }: FrameContext, flaw: string): Uint8Array {
  if (key === undefined) throw new BackupError('E_KEY_MISSING', 'A key is needed.')
  return flaw === 'ignores the key' ? new Uint8Array(32) : key
}

function nonceOf({ sequence }: FrameContext, flaw: string): Uint8Array {
  const nonce = Buffer.alloc(12)
  if (flaw === 'uses one nonce for all') return nonce
  if (flaw === 'takes the low byte of the sequence for a nonce') nonce[0] = sequence
  else if (flaw === 'takes 31 bits of the sequence for a nonce') nonce.writeUInt32BE(sequence & 0x7fffffff)
  else nonce.writeUInt32BE(sequence, 8)
  return nonce
}
