import { describe, expect, it } from 'vitest'
import { codecs } from './ciphers.js'
import { referenceGcm } from './reference-gcm.js'

// Test cases 13, 14 and 16 of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", as submitted to NIST.
const none = new Uint8Array(0)
const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const zeroKey = new Uint8Array(32)

const vectors = [
  { name: '13', plain: none, encoded: hex('530f8afbc74536b9a963b4f1c4cb738b') },
  {
    name: '14',
    plain: new Uint8Array(16),
    encoded: hex('cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919'),
  },
]

describe.each(vectors)('GCM test case $name, whose nonce is that of sequence 0', ({ plain, encoded }) => {
  const context = { sequence: 0, associatedData: none, key: zeroKey }

  it.each(codecs)('is encoded to the published bytes over %s', (_name, codec) => {
    const output = new Uint8Array(encoded.length)
    expect(codec.encode(plain, output, context)).toBe(encoded.length)
    expect(output).toEqual(encoded)
  })

  it.each(codecs)('is decoded to the published plain text over %s', (_name, codec) => {
    const output = new Uint8Array(plain.length)
    expect(codec.decode(encoded, output, context)).toBe(plain.length)
    expect(output).toEqual(plain)
  })
})

it('GCM test case 16 is what the reference implementation makes of it', () => {
  const made = referenceGcm({
    key: hex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'),
    nonce: hex('cafebabefacedbaddecaf888'),
    associatedData: hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
    plain: hex(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    ),
  })
  expect(Buffer.from(made).toString('hex')).toBe(
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
      '76fc6ece0f4e1768cddf8853bb2d551b',
  )
})
