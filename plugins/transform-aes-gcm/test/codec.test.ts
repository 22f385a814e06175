import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { tagBytes } from '../src/cipher.js'
import { createCodec } from '../src/codec.js'
import { codecs } from './ciphers.js'
import { referenceGcm } from './reference-gcm.js'

const context = {
  sequence: 0x01020304,
  associatedData: new TextEncoder().encode('pack 7f, link 1'),
  key: new Uint8Array(randomBytes(32)),
}

const damage = expect.objectContaining({
  code: 'E_DAMAGED',
  plugin: 'aes-gcm',
  operation: 'transform.decode',
  context: { sequence: context.sequence },
})

describe.each(codecs)('over %s', (_name, codec) => {
  function encode(plain: Uint8Array, using = context): Uint8Array {
    const output = new Uint8Array(plain.length + tagBytes)
    expect(codec.encode(plain, output, using)).toBe(output.length)
    return output
  }

  function decode(encoded: Uint8Array, using = context): Uint8Array {
    const output = new Uint8Array(Math.max(0, encoded.length - tagBytes))
    expect(codec.decode(encoded, output, using)).toBe(output.length)
    return output
  }

  describe('a frame', () => {
    it('is ciphertext then tag, under eight zero bytes and the big-endian sequence as nonce', () => {
      const plain = randomBytes(100)
      const nonce = Buffer.from('000000000000000001020304', 'hex')
      expect(Buffer.compare(encode(plain), referenceGcm({ ...context, nonce, plain }))).toBe(0)
    })

    it.each([0, 1, 15, 16, 128 * 1024 - 1, 128 * 1024, 128 * 1024 + 1, 4 * 2 ** 20])(
      'of %i bytes comes back as it was',
      (sizeBytes) => {
        const plain = randomBytes(sizeBytes)
        expect(Buffer.compare(decode(encode(plain)), plain)).toBe(0)
      },
    )

    it('may lie in shared memory, key and associated data too', () => {
      const shared = (bytes: Uint8Array) => {
        const view = new Uint8Array(new SharedArrayBuffer(bytes.length + 3), 3)
        view.set(bytes)
        return view
      }
      const plain = shared(randomBytes(300_000))
      const using = { ...context, key: shared(context.key), associatedData: shared(context.associatedData) }
      const encoded = shared(new Uint8Array(plain.length + tagBytes))
      codec.encode(plain, encoded, using)
      const decoded = shared(new Uint8Array(plain.length))
      codec.decode(encoded, decoded, using)
      expect(Buffer.compare(Buffer.from(decoded), Buffer.from(plain))).toBe(0)
      expect(Buffer.compare(encode(Uint8Array.from(plain)), Uint8Array.from(encoded))).toBe(0)
    })

    it('shares no keystream with a frame of another sequence', () => {
      const plain = new Uint8Array(64)
      const streams = [0, 1, 255, 256, 2 ** 31, 2 ** 32 - 1].map((sequence) =>
        Buffer.from(encode(plain, { ...context, sequence })).toString('hex', 0, 64),
      )
      expect(new Set(streams).size).toBe(streams.length)
    })

    it('is encrypted even when nothing is in it', () => {
      expect(encode(new Uint8Array(0))).toHaveLength(tagBytes)
    })
  })

  describe('decoding is refused as damage when', () => {
    const encoded = encode(randomBytes(500))

    it.each([0, 250, 499, 500, 515])('bit 0 of byte %i was flipped', (place) => {
      const altered = Uint8Array.from(encoded)
      altered[place]! ^= 1
      expect(() => decode(altered)).toThrow(damage)
    })

    it.each([0, 1, 15, 16, 17, 499, 515])('only %i bytes are left', (length) => {
      expect(() => decode(encoded.subarray(0, length))).toThrow(damage)
    })

    it('a byte was added', () => {
      expect(() => decode(Buffer.concat([encoded, Buffer.alloc(1)]))).toThrow(damage)
    })

    it('it was encrypted for another place', () => {
      expect(() => decode(encoded, { ...context, associatedData: new Uint8Array(0) })).toThrow(damage)
      const otherSequence = { ...context, sequence: context.sequence + 1 }
      expect(() => decode(encoded, otherSequence)).toThrow(expect.objectContaining({ code: 'E_DAMAGED' }))
    })

    it('it was encrypted under another key', () => {
      expect(() => decode(encoded, { ...context, key: new Uint8Array(32) })).toThrow(damage)
    })

    it('it has no room, and nothing is written', () => {
      const memory = new Uint8Array(600).fill(0xee)
      expect(() => codec.decode(encoded, memory.subarray(0, 499), context)).toThrow(damage)
      expect(memory.every((byte) => byte === 0xee)).toBe(true)
    })
  })

  describe('a host that breaks the contract is told', () => {
    const { key: _, ...withoutKey } = context
    const plain = new Uint8Array(10)

    it('when it gives no key', () => {
      const refusal = expect.objectContaining({ code: 'E_KEY_MISSING', hint: expect.stringContaining('passphrase') })
      expect(() => codec.encode(plain, new Uint8Array(26), withoutKey)).toThrow(refusal)
      expect(() => codec.decode(new Uint8Array(26), plain, withoutKey)).toThrow(refusal)
    })

    it.each([0, 16, 31, 33])('when its key has %i bytes', (sizeBytes) => {
      const using = { ...context, key: new Uint8Array(sizeBytes) }
      expect(() => encode(plain, using)).toThrow(expect.objectContaining({ code: 'E_TRANSFORM' }))
    })

    it.each([-1, 2 ** 32, 0.5, Number.NaN])('when the sequence is %d', (sequence) => {
      expect(() => encode(plain, { ...context, sequence })).toThrow(expect.objectContaining({ code: 'E_TRANSFORM' }))
    })
  })
})

it('refuses data of a later version', () => {
  expect(() => createCodec({}, 2)).toThrow(expect.objectContaining({ code: 'E_TRANSFORM' }))
})
