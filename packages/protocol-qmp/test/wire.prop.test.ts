import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isQmpError } from '../src/index.js'
import { guestPieces } from '../src/wire/guest-sync.js'
import { jsonObjects } from '../src/wire/json-objects.js'
import { readQmpMessage } from '../src/wire/qmp-message.js'
import { bytes, cutAt, join } from './support/bytes.js'

const maxBytes = 4096
const places = fc.array(fc.nat(3000), { maxLength: 40 })
const json = fc
  .dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 })
  .map((value) => JSON.stringify(value))
const space = fc.constantFrom('', '\n', '\r\n', ' \t')
const stream = fc
  .array(fc.tuple(json, space), { maxLength: 8 })
  .map((parts) => bytes(parts.map(([text, gap]) => text + gap).join('')))
/** Bytes that look like messages, now and then. */
const garbage = fc
  .array(
    fc.oneof(
      fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '{"return":{}}', '{"event":"A"}', '{"QMP":{}}', '\n'),
      fc.uint8Array({ maxLength: 6 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => join(...parts))

/** Everything that is told of a stream, with the error at its end. */
function told(chunks: readonly Uint8Array[]): readonly unknown[] {
  const objects = jsonObjects({ maxBytes })
  const found: unknown[] = []
  try {
    for (const chunk of chunks) for (const object of objects.push(chunk)) found.push(object)
  } catch (error) {
    if (!isQmpError(error)) throw error
    found.push(error.code)
  }
  return found
}

function toldByGuest(chunks: readonly Uint8Array[]): readonly unknown[] {
  const pieces = guestPieces(jsonObjects({ maxBytes }))
  return chunks.flatMap((chunk) =>
    [...pieces(chunk)].map((piece) => (piece.kind === 'object' ? piece.object : piece.kind)),
  )
}

describe('the wire', () => {
  it('gives back every message that was written, wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(json, space), { maxLength: 8 }), places, (parts, cuts) => {
        const whole = bytes(parts.map(([text, gap]) => text + gap).join(''))
        expect(told(cutAt(whole, cuts))).toEqual(parts.map(([text]) => JSON.parse(text)))
      }),
    )
  })

  it('tells the same of any bytes, wherever they are cut', () => {
    fc.assert(
      fc.property(fc.oneof(stream, garbage), places, (whole, cuts) => {
        expect(told(cutAt(whole, cuts))).toEqual(told([whole]))
      }),
      { numRuns: 500 },
    )
  })

  it('tells the same of a guest agent, wherever its bytes are cut, and never throws', () => {
    const guest = fc.array(fc.oneof(stream, garbage, fc.constant(Uint8Array.of(0xff))), { maxLength: 6 })
    fc.assert(
      fc.property(guest, places, (parts, cuts) => {
        const whole = join(...parts)
        expect(toldByGuest(cutAt(whole, cuts))).toEqual(toldByGuest([whole]))
      }),
      { numRuns: 500 },
    )
  })

  it('reads every message after a delimiter, whatever came before it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), json, (before, text) => {
        const pieces = toldByGuest([join(before, Uint8Array.of(0xff), text)])
        expect(pieces.slice(-2)).toEqual(['delimiter', JSON.parse(text)])
      }),
    )
  })

  it('makes of any object a message or a typed error', () => {
    const known = fc.constantFrom(
      'QMP',
      'event',
      'error',
      'return',
      'id',
      'data',
      'timestamp',
      'class',
      'desc',
      'version',
    )
    const object = fc.dictionary(fc.oneof(known, fc.string()), fc.jsonValue({ maxDepth: 2 }))
    fc.assert(
      fc.property(object, (message) => {
        try {
          expect(readQmpMessage(message).kind).toMatch(/^(greeting|event|error|return)$/)
        } catch (error) {
          if (!isQmpError(error)) throw error
          expect(error.code).toBe('protocol')
        }
      }),
      { numRuns: 1000 },
    )
  })
})
