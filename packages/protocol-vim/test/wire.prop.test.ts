import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isVimError } from '../src/index.js'
import { encodeCall, readAnswer } from '../src/wire/envelope.js'
import { memberAt, textAt } from '../src/wire/members.js'
import { encodeMember, moRef } from '../src/wire/vim-value.js'
import { parseXml, xmlReader } from '../src/wire/xml-element.js'

const isSpeakable = (character: string) =>
  /[\t\n\r -\ufffd]|[\u{10000}-\u{10ffff}]/u.test(character) && character.isWellFormed()
const speakable = fc
  .array(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter(isSpeakable))
  .map((all) => all.join(''))

it('says every text so that it is read the same', () => {
  fc.assert(
    fc.property(speakable, (text) => {
      expect(parseXml(`<a>${encodeMember('b', text)}</a>`).children[0]?.text).toBe(text)
      const ref = parseXml(encodeMember('r', moRef('VirtualMachine', text)))
      expect(ref.text).toBe(text)
    }),
  )
})

it('reads the same wherever the text is cut', () => {
  const text = encodeCall(moRef('VirtualMachine', 'vm-1'), 'Do', {
    a: ['<', '>'],
    b: { _typeName: 'B', c: 1n, d: true },
  })
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 6 }), (cuts) => {
      const reader = xmlReader()
      let from = 0
      for (const to of [...cuts.toSorted((a, b) => a - b), text.length]) {
        reader.push(text.slice(from, to))
        from = Math.max(from, to)
      }
      expect(reader.end()).toEqual(parseXml(text))
    }),
  )
})

it('refuses what is no answer with its own error', () => {
  const piece = fc.constantFrom(
    '<a>',
    '</a>',
    '<Envelope>',
    '<Body>',
    '</Body>',
    '</Envelope>',
    '&amp;',
    '&x;',
    '<!DOCTYPE a>',
    '<![CDATA[',
    ']]>',
    '<?xml?>',
    ' type="',
    '"',
    '\u0000',
    'x',
  )
  fc.assert(
    fc.property(
      fc.array(piece).map((all) => all.join('')),
      (text) => {
        try {
          readAnswer(parseXml(text))
        } catch (error) {
          expect(isVimError(error)).toBe(true)
        }
      },
    ),
  )
})

describe('XML of servers', () => {
  it('is read whatever its prefixes are', () => {
    const instance = 'http://www.w3.org/2001/XMLSchema-instance'
    for (const prefix of ['xsi', 'XMLSchema-instance']) {
      const val = parseXml(
        `<val xmlns:${prefix}="${instance}" ${prefix}:type="vim25:ManagedObjectReference" type="Datastore">datastore-1</val>`,
      )
      expect(val).toMatchObject({ typeName: 'ManagedObjectReference', refType: 'Datastore', text: 'datastore-1' })
    }
  })

  it('is not nested for ever', () => {
    expect(() => parseXml('<a>'.repeat(100_000))).toThrow(/too deep/)
  })

  it('brings no entities of its own', () => {
    const bomb = '<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    expect(() => parseXml(bomb)).toThrow(/document type/)
  })

  it('tells a fault by the type of its detail, or by its name', () => {
    const fault = (detail: string) =>
      readAnswer(
        parseXml(
          `<e:Envelope xmlns:e="e" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body><e:Fault><faultcode>ServerFaultCode</faultcode><faultstring>no</faultstring><detail>${detail}</detail></e:Fault></e:Body></e:Envelope>`,
        ),
      )
    expect(fault('<RuntimeFaultFault xsi:type="NotFound"><obj>1</obj></RuntimeFaultFault>')).toMatchObject({
      kind: 'fault',
      fault: { name: 'NotFound', message: 'no' },
    })
    expect(fault('<InvalidStateFault/>')).toMatchObject({ fault: { name: 'InvalidState' } })
    expect(fault('')).toMatchObject({ fault: { name: 'ServerFaultCode' } })
  })

  it('takes the first of a list for a path', () => {
    const element = parseXml('<a><b><c>1</c></b><b><c>2</c></b></a>')
    expect(textAt(element, 'b.c')).toBe('1')
    expect(memberAt(element, 'b.d')).toBeUndefined()
  })
})

it('says values as the API does', () => {
  expect(
    encodeMember('spec', {
      name: 'a&b',
      list: [1, 2],
      none: undefined,
      at: new Date(0),
      value: { _typeName: 'string', _value: 'x' },
      device: { _typeName: 'VirtualDisk', key: -1 },
    }),
  ).toBe(
    '<spec><name>a&amp;b</name><list>1</list><list>2</list><at>1970-01-01T00:00:00.000Z</at><value xsi:type="xsd:string">x</value><device xsi:type="VirtualDisk"><key>-1</key></device></spec>',
  )
  expect(() => encodeMember('a', 'bad\u0000')).toThrow(/cannot say/)
})
