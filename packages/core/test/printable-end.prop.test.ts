import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printableEnd } from '../src/model/printable-end.js'

const pieces = fc.constantFrom(
  '\x1b[31m',
  '\x1b',
  '\u202e',
  '\ud800',
  '\udc00',
  '\u{1f600}',
  'é',
  '\r\n',
  '\r',
  '\t',
  '\0',
  'abc',
  ' ',
)

test('the printable end of any text is bounded, printable, and the end of it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 60 }),
      fc.nat(64),
      (parts, maxBytes) => {
        const text = parts.join('')
        const shown = printableEnd(text, maxBytes)
        expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(maxBytes)
        expect(shown).not.toMatch(/[^\n\t\P{Cc}]|\p{Bidi_C}|\p{Cs}/u)
        expect(printableEnd(shown, maxBytes)).toBe(shown.trim())
      },
    ),
  )
})

test('plain text that fits is left as it is', () => {
  const plain = fc.stringMatching(/^[a-z0-9:*]([ a-zé\n]{0,40}[a-z0-9])?$/)
  fc.assert(fc.property(plain, (text) => printableEnd(text, 400) === text))
})

test('what a console shows keeps its words and loses its colours', () => {
  const console = '[\x1b[0;32m  OK  \x1b[0m] Started Getty.\r\n[  OK  ] Reached target.\r\r\n\x1b[2Jdebian login: '
  expect(printableEnd(console, 400)).toBe('[  OK  ] Started Getty.\n[  OK  ] Reached target.\ndebian login:')
})
