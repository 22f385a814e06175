import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bindings, codecOver, context } from './bindings.js'

/** Runs of a byte and runs of noise, so that some frames shrink and some do not. */
const frame = fc
  .array(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.tuple(fc.nat(255), fc.nat(3000)).map(run)), { maxLength: 12 })
  .map((parts) => Uint8Array.from(Buffer.concat(parts)))

function run([byte, length]: [number, number]): Uint8Array {
  return new Uint8Array(length).fill(byte)
}

const level = fc.constantFrom(-5, 1, 3, 9)

describe.each(bindings)('frames written over %s', (_, write) => {
  it.each(bindings)('are read back over %s', (_, read) => {
    fc.assert(
      fc.property(frame, level, (input, level) => {
        const encoded = new Uint8Array(input.length)
        const length = codecOver(write, level).encode(input, encoded, context)
        if (length === undefined) return
        expect(length).toBeLessThanOrEqual((input.length * 31) / 32)
        const decoded = new Uint8Array(input.length)
        expect(codecOver(read).decode(encoded.subarray(0, length), decoded, context)).toBe(input.length)
        expect(Buffer.compare(decoded, input)).toBe(0)
      }),
      { numRuns: 60 },
    )
  })
})

describe.each(bindings)('a hostile frame over %s', (_, open) => {
  const codec = codecOver(open)

  it('is refused as damaged or decodes within its room, and never harms what surrounds it', () => {
    fc.assert(
      fc.property(frame, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(5000), (input, place, flip, roomBytes) => {
        const encoded = new Uint8Array(input.length)
        const length = codec.encode(input, encoded, context)
        const altered = length === undefined ? input : encoded.slice(0, length)
        if (altered.length > 0) altered[place % altered.length]! ^= flip
        const memory = new Uint8Array(roomBytes + 128).fill(0xee)
        try {
          const decodedBytes = codec.decode(altered, memory.subarray(64, 64 + roomBytes), context)
          expect(decodedBytes).toBeLessThanOrEqual(roomBytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_DAMAGED' })
        }
        const around = [...memory.subarray(0, 64), ...memory.subarray(64 + roomBytes)]
        expect(around.every((byte) => byte === 0xee)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  it('is refused wherever it is cut', () => {
    const input = new TextEncoder().encode('a line that comes again and again\n'.repeat(40))
    const encoded = new Uint8Array(input.length)
    const length = codec.encode(input, encoded, context) ?? 0
    expect(length).toBeGreaterThan(0)
    for (let cut = 0; cut < length; cut++) {
      const decode = () => codec.decode(encoded.subarray(0, cut), new Uint8Array(input.length), context)
      expect(decode).toThrow(expect.objectContaining({ code: 'E_DAMAGED' }))
    }
  })
})
