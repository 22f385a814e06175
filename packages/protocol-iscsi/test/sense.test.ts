import { describe, expect, it } from 'vitest'
import { decodeSense, errorOfAnswer, hexOf, isScsiError, ScsiError, scsiErrorCodes } from '../src/scsi/index.js'
import { fromHex } from './support/scsi-failure.js'

const answerOf = (sense: string, status = 2) => ({ status, sense: fromHex(sense), dataInBytes: 0 })

describe('sense data of the fixed format', () => {
  it.each([
    [
      'a filemark, as tgtd gives it',
      'f00080000003e80a00000000000100000000',
      { key: 0, filemark: true, information: 1000 },
    ],
    [
      'a block that is longer than asked',
      'f00020fffffe0c0a00000000000000000000',
      { incorrectLength: true, information: -500 },
    ],
    [
      'a block that is shorter than asked',
      'f00020000001f40a00000000000000000000',
      { incorrectLength: true, information: 500 },
    ],
    [
      'the early warning',
      '700040000000000a00000000000000000000',
      { key: 0, endOfMedium: true, information: undefined },
    ],
    ['the end of the data', 'f00008000100000a00000000000500000000', { key: 8, asc: 0, ascq: 5, information: 65_536 }],
    ['no medium', '700002000000000a000000003a0000000000', { key: 2, asc: 0x3a, ascq: 0, filemark: false }],
    ['an error of an earlier command', '710003000000000a000000000c0000000000', { key: 3, isDeferred: true }],
    ['an answer of 8 bytes', 'f000080000000500', { key: 8, asc: 0, information: 5 }],
  ])('tells of %s', (_name, digits, expected) => {
    expect(decodeSense(fromHex(digits))).toMatchObject(expected)
  })

  it('does not take a number for valid that is not marked so, or cut off', () => {
    expect(decodeSense(fromHex('700008000100000a00000000000500000000'))?.information).toBeUndefined()
    expect(decodeSense(fromHex('f0000800010000'))?.information).toBe(65_536)
    expect(decodeSense(fromHex('f00008000100'))?.information).toBeUndefined()
  })
})

describe('sense data with descriptors', () => {
  // SPC-4, 4.5.2: information (00h, 0Ah), stream commands (04h, 02h).
  it('finds the number and the flags', () => {
    const sense = decodeSense(fromHex('72000000 00000010 000a8000 ffffffff fffffe0c 04020020'))
    expect(sense).toMatchObject({ key: 0, incorrectLength: true, filemark: false, information: -500 })
  })

  it('passes over descriptors that it does not know, and stops at the end', () => {
    const sense = decodeSense(fromHex('72080005 00000012 0106000000000000 000a8000 00000000 00000007'))
    expect(sense).toMatchObject({ key: 8, ascq: 5, information: undefined })
    expect(decodeSense(fromHex('72080005 00000014 0106000000000000 000a8000 00000000 00000007'))?.information).toBe(7)
  })

  it('tells of an earlier command', () => {
    expect(decodeSense(fromHex('73030c0000000000'))).toMatchObject({ key: 3, asc: 0x0c, isDeferred: true })
  })
})

it('reads nothing from no sense data, and from another format', () => {
  expect(decodeSense(new Uint8Array())).toBeUndefined()
  expect(decodeSense(fromHex('7f0000000000'))).toBeUndefined()
  expect(decodeSense(fromHex('7000'))).toBeUndefined()
})

describe('the text', () => {
  it.each([
    ['70000500000000 0a 00000000 3b0e', 'illegal request: the source element is empty (05/3B/0E)'],
    ['70000400000000 0a 00000000 4081', 'hardware error: a component failed its self-test (40/81) (04/40/81)'],
    ['70000200000000 0a 00000000 0499', 'not ready: the unit is not ready, and does not say why (04/99) (02/04/99)'],
    ['71000300000000 0a 00000000 0c00', 'medium error: a write failed, about an earlier command (03/0C/00)'],
    ['70000900000000 0a 00000000 9901', 'vendor specific: a condition without a name here (99/01) (09/99/01)'],
  ])('says %s in plain words', (digits, text) => {
    expect(decodeSense(fromHex(digits))?.text).toBe(text)
  })
})

describe('the code of an error', () => {
  it.each([
    ['02/3a/00', 'no-medium'],
    ['02/04/01', 'becoming-ready'],
    ['02/04/02', 'not-ready'],
    ['02/30/03', 'cleaning'],
    ['03/11/00', 'medium-error'],
    ['03/30/01', 'incompatible-medium'],
    ['04/44/00', 'hardware-error'],
    ['05/20/00', 'unsupported'],
    ['05/24/00', 'unsupported'],
    ['05/26/00', 'illegal-request'],
    ['05/21/01', 'unknown-element'],
    ['05/25/00', 'no-unit'],
    ['05/3b/0d', 'destination-full'],
    ['05/3b/0e', 'source-empty'],
    ['05/53/02', 'removal-prevented'],
    ['06/28/00', 'unit-attention'],
    ['07/27/00', 'write-protected'],
    ['07/30/0c', 'worm'],
    ['07/74/01', 'encrypted'],
    ['08/00/05', 'blank'],
    ['0b/4b/00', 'aborted'],
    ['0d/00/02', 'volume-overflow'],
    ['00/00/05', 'unexpected'],
  ] as const)('of %s is %s', (numbers, code) => {
    const [key, asc, ascq] = numbers.split('/')
    const error = errorOfAnswer(answerOf(`70 00 ${key} 00000000 0a 00000000 ${asc} ${ascq}`), 'TEST UNIT READY')
    expect(error).toMatchObject({ code, what: 'TEST UNIT READY', hint: scsiErrorCodes[code] })
    expect(error.message).toMatch(/^TEST UNIT READY: /)
  })

  it.each([
    [0x08, 'busy'],
    [0x28, 'busy'],
    [0x18, 'reservation-conflict'],
    [0x40, 'aborted'],
    [0x30, 'unexpected'],
  ] as const)('of status %i is %s', (status, code) => {
    expect(errorOfAnswer(answerOf('', status), 'READ(6)').code).toBe(code)
  })

  it('of an earlier command is one of its own, whatever its key', () => {
    expect(errorOfAnswer(answerOf('71000300000000 0a 00000000 0c00'), 'WRITE(6)').code).toBe('deferred-error')
  })

  it('of a check condition without sense data is said so', () => {
    expect(errorOfAnswer(answerOf(''), 'READ(6)')).toMatchObject({ code: 'unexpected' })
  })
})

it('recognises its errors by their brand', () => {
  expect(isScsiError(new ScsiError('busy', 'READ(6)'))).toBe(true)
  expect(isScsiError(new Error('READ(6)'))).toBe(false)
  expect(isScsiError(undefined)).toBe(false)
})

it('writes bytes as digits', () => {
  expect(hexOf(Uint8Array.of(0, 10, 255))).toBe('000aff')
})
