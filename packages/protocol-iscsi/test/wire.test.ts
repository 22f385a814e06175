import { describe, expect, it } from 'vitest'
import { addressFromText } from '../src/client/portal-address.js'
import { chapResponse } from '../src/wire/chap.js'
import { crc32c } from '../src/wire/crc32c.js'
import { decodeLun, encodeLun } from '../src/wire/lun.js'
import { isAfter, plus } from '../src/wire/serial-number.js'
import { decodeBinary } from '../src/wire/text-keys.js'

describe('CRC32C', () => {
  // RFC 7143, appendix A.4.
  const readCommand = Buffer.from(
    '01c00000000000000000000000000000140000000000040000000014000000182800000000000000' + '0200000000000000',
    'hex',
  )
  it.each([
    ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['32 rising bytes', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
    ['32 falling bytes', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
    ['a SCSI READ(10) command', readCommand, 0xd9963a56],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s is what the standard says', (_what, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum)
    for (const cut of [0, 1, 5, 8, 13]) expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(sum)
  })
})

describe('small codecs', () => {
  it('encode logical units as SAM-5 wants', () => {
    expect([...encodeLun(3)]).toEqual([0, 3, 0, 0, 0, 0, 0, 0])
    expect([...encodeLun(256)]).toEqual([0x41, 0, 0, 0, 0, 0, 0, 0])
    for (const lun of [0, 255, 256, 0x3fff]) expect(decodeLun(encodeLun(lun))).toBe(lun)
    for (const lun of [-1, 0x4000, 1.5]) expect(() => encodeLun(lun)).toThrow('logical unit')
    expect(decodeLun(Uint8Array.of(0, 1, 0, 1, 0, 0, 0, 0))).toBeUndefined()
    expect(decodeLun(Uint8Array.of(0xc1, 1, 0, 0, 0, 0, 0, 0))).toBeUndefined()
  })

  it('read addresses of portals', () => {
    expect(addressFromText('10.0.0.1:3261,2')).toEqual({ host: '10.0.0.1', port: 3261, group: 2 })
    expect(addressFromText('host.example')).toEqual({ host: 'host.example', port: 3260 })
    expect(addressFromText('[2001:db8::1]:1,1')).toEqual({ host: '2001:db8::1', port: 1, group: 1 })
    for (const text of ['', ':1', 'a:0', 'a:65536', 'a b', '[::1', '::1']) expect(addressFromText(text)).toBeUndefined()
  })

  it('read binary in both notations', () => {
    expect(decodeBinary('0xAbCd')).toEqual(Buffer.from([0xab, 0xcd]))
    expect(decodeBinary('0bq80=')).toEqual(Buffer.from([0xab, 0xcd]))
    for (const text of ['', '0x', '0xabc', 'abcd', '0b!', '0xzz']) expect(decodeBinary(text)).toBeUndefined()
  })

  it('compute the response of RFC 1994', () => {
    // printf '\x01secretabc' | md5sum
    const response = chapResponse('md5', { id: 1, secret: 'secret', challenge: Buffer.from('abc') })
    expect(Buffer.from(response).toString('hex')).toBe('ea64469e3d699ce7884d07b0e6b1edb3')
  })

  it('compare sequence numbers that wrap around', () => {
    expect(isAfter(1, 0xffff_ffff)).toBe(true)
    expect(isAfter(0xffff_ffff, 1)).toBe(false)
    expect(isAfter(5, 5)).toBe(false)
    expect(plus(0xffff_ffff, 1)).toBe(0)
    expect(plus(0, -1)).toBe(0xffff_ffff)
  })
})
