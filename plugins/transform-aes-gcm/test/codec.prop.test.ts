import fc from 'fast-check'
import { expect, it } from 'vitest'
import { tagBytes } from '../src/cipher.js'
import { codecs } from './ciphers.js'

const frame = fc.record({
  plain: fc.uint8Array({ maxLength: 2000 }),
  context: fc.record({
    sequence: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    associatedData: fc.uint8Array({ maxLength: 100 }),
    key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  }),
})

it.each(codecs)('over %s, every frame grows by its tag alone and comes back as it was', (_name, codec) => {
  fc.assert(
    fc.property(frame, ({ plain, context }) => {
      const encoded = new Uint8Array(plain.length + tagBytes)
      expect(codec.encode(plain, encoded, context)).toBe(encoded.length)
      const decoded = new Uint8Array(plain.length)
      expect(codec.decode(encoded, decoded, context)).toBe(plain.length)
      expect(decoded).toEqual(plain)
    }),
  )
})

it.each(codecs)('over %s, no altered byte of frame, key, place or sequence is overlooked', (_name, codec) => {
  fc.assert(
    fc.property(frame, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ plain, context }, place, flip) => {
      const encoded = new Uint8Array(plain.length + tagBytes)
      codec.encode(plain, encoded, context)
      const sequence = new Uint8Array(Uint32Array.of(context.sequence).buffer)
      const key = Uint8Array.from(context.key)
      const associatedData = Uint8Array.from(context.associatedData)
      const parts = [encoded, key, associatedData, sequence]
      let at = place % parts.reduce((sum, part) => sum + part.length, 0)
      for (const part of parts) {
        if (at >= 0 && at < part.length) part[at]! ^= flip
        at -= part.length
      }
      const altered = { sequence: new Uint32Array(sequence.buffer)[0]!, key, associatedData }
      expect(() => codec.decode(encoded, new Uint8Array(plain.length), altered)).toThrow(
        expect.objectContaining({ code: 'E_DAMAGED' }),
      )
    }),
    { numRuns: 300 },
  )
})

it('either way reads what the other wrote', () => {
  fc.assert(
    fc.property(frame, ({ plain, context }) => {
      const [ours, theirs] = codecs.map(([_name, codec]) => {
        const encoded = new Uint8Array(plain.length + tagBytes)
        codec.encode(plain, encoded, context)
        return encoded
      })
      expect(ours).toEqual(theirs)
    }),
  )
})
