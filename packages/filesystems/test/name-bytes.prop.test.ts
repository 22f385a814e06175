import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nameFromBytes, nameFromText, nameToBytes, nameToText } from '../src/names/name-bytes.js'

const utf8 = (text: string) => new TextEncoder().encode(text)

describe('names that are bytes', () => {
  it('come back as they were, whatever bytes they are', () => {
    const tricky = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 4 }),
        fc.constantFrom('\\', '\\x', '\\xE9', '\\x5C', 'é', '/', '\ufeff', '\0', 'xE9', '🙂').map(utf8),
      ),
    )
    fc.assert(
      fc.property(tricky, (parts) => {
        const bytes = new Uint8Array(parts.flatMap((part) => [...part]))
        const name = nameFromBytes(bytes)
        expect(name).not.toMatch(/[/\0\ufffd]/)
        expect(name.isWellFormed()).toBe(true)
        expect([...nameToBytes(name)]).toEqual([...bytes])
      }),
      { numRuns: 5000 },
    )
  })

  it.each([
    ['plain', utf8('letter.txt'), 'letter.txt'],
    ['UTF-8', utf8('Grüße 🙂'), 'Grüße 🙂'],
    ['a byte order mark', utf8('\ufeffa'), '\ufeffa'],
    ['Latin-1', Uint8Array.of(0x63, 0x61, 0x66, 0xe9), 'caf\\xE9'],
    ['a backslash', utf8('a\\b'), 'a\\b'],
    ['what looks like an escape', utf8('a\\xE9'), 'a\\x5CxE9'],
    ['lower case is no escape', utf8('a\\xe9'), 'a\\xe9'],
    ['a slash, which only damage makes', utf8('../etc'), '..\\x2Fetc'],
    ['UTF-8 of a lone surrogate', Uint8Array.of(0xed, 0xa0, 0x80), '\\xED\\xA0\\x80'],
  ])('%s', (_what, bytes, name) => {
    expect(nameFromBytes(bytes)).toBe(name)
  })
})

it('names that are text come back as they were', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('\\', 'x', 'E', '9', '/', '\0', '\\x2F', 'é', '\ud800')), (parts) => {
      const text = parts.join('')
      expect(nameFromText(text)).not.toMatch(/[/\0]/)
      expect(nameToText(nameFromText(text))).toBe(text)
    }),
  )
})
