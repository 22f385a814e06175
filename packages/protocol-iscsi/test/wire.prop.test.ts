import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Pdu } from '../src/wire/header.js'
import { decodeInitiatorPdu, encodeInitiatorPdu, type InitiatorPdu } from '../src/wire/initiator-pdus.js'
import { joined } from '../src/wire/joined.js'
import { piecesOf } from '../src/wire/pdu-pieces.js'
import { createPduReader, type PduReader } from '../src/wire/pdu-reader.js'
import { decodeTargetPdu, encodeTargetPdu, type Residual, type TargetPdu } from '../src/wire/target-pdus.js'
import { decodeKeys, encodeKeys } from '../src/wire/text-keys.js'

const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const u8 = fc.integer({ min: 0, max: 255 })
const u16 = fc.integer({ min: 0, max: 0xffff })
const bit = fc.boolean()
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const lun = bytes(8)
const request = { tag: u32, cmdSn: u32, expStatSn: u32 }
const answer = { statSn: u32, expCmdSn: u32, maxCmdSn: u32 }
const stage = fc.constantFrom(0, 1, 3)
const residual: fc.Arbitrary<Residual> = fc.oneof(
  fc.constant({ kind: 'none' as const, bytes: 0 }),
  fc.record({ kind: fc.constantFrom('underflow' as const, 'overflow' as const), bytes: u32 }),
)
const is = <Kind extends string>(kind: Kind) => fc.constant(kind)

const initiatorPdu: fc.Arbitrary<InitiatorPdu> = fc.oneof(
  fc.record({
    kind: is('scsi-command'),
    lun,
    ...request,
    isFinal: bit,
    isRead: bit,
    isWrite: bit,
    expectedBytes: u32,
    cdb: bytes(16),
  }),
  fc.record({
    kind: is('data-out'),
    lun,
    tag: u32,
    transferTag: u32,
    isFinal: bit,
    expStatSn: u32,
    dataSn: u32,
    bufferOffset: u32,
  }),
  fc.record({ kind: is('nop-out'), lun, ...request, transferTag: u32 }),
  fc.record({
    kind: is('task-management'),
    function: fc.integer({ min: 1, max: 8 }),
    lun,
    ...request,
    referencedTag: u32,
    referencedCmdSn: u32,
  }),
  fc.record({
    kind: is('login'),
    ...request,
    isTransit: bit,
    continues: bit,
    stage,
    nextStage: stage,
    isid: bytes(6),
    tsih: u16,
  }),
  fc.record({ kind: is('text'), ...request, isFinal: bit, continues: bit, transferTag: u32 }),
  fc.record({ kind: is('logout'), ...request, reason: fc.integer({ min: 0, max: 2 }) }),
)

const targetPdu: fc.Arbitrary<TargetPdu> = fc.oneof(
  fc.record({ kind: is('nop-in'), lun, tag: u32, transferTag: u32, ...answer }),
  fc.record({ kind: is('scsi-response'), tag: u32, response: u8, status: u8, residual, expDataSn: u32, ...answer }),
  fc.record({ kind: is('task-response'), tag: u32, response: u8, ...answer }),
  fc.record({
    kind: is('login-response'),
    isTransit: bit,
    continues: bit,
    stage,
    nextStage: stage,
    isid: bytes(6),
    tsih: u16,
    tag: u32,
    status: u16,
    ...answer,
  }),
  fc.record({ kind: is('text-response'), isFinal: bit, continues: bit, tag: u32, transferTag: u32, ...answer }),
  fc.record({
    kind: is('data-in'),
    tag: u32,
    isFinal: bit,
    hasStatus: bit,
    status: u8,
    dataSn: u32,
    bufferOffset: u32,
    residual,
    ...answer,
  }),
  fc.record({ kind: is('logout-response'), tag: u32, response: u8, ...answer }),
  fc.record({
    kind: is('ready-to-transfer'),
    lun,
    tag: u32,
    transferTag: u32,
    r2tSn: u32,
    bufferOffset: u32,
    desiredBytes: u32,
    ...answer,
  }),
  fc.record({ kind: is('async'), lun, event: u8, parameter3: u16, ...answer }),
  fc.record({ kind: is('reject'), reason: u8, ...answer }),
)

describe('headers', () => {
  it('of both sides are read as they were written', () => {
    fc.assert(
      fc.property(initiatorPdu, (pdu) => {
        expect(decodeInitiatorPdu(encodeInitiatorPdu(pdu).header)).toEqual(pdu)
      }),
    )
    fc.assert(
      fc.property(targetPdu, (pdu) => {
        expect(decodeTargetPdu(encodeTargetPdu(pdu).header)).toEqual(pdu)
      }),
    )
  })

  it('of any bytes are understood, or refused with an error of ours', () => {
    fc.assert(
      fc.property(bytes(48), (header) => {
        for (const decode of [decodeInitiatorPdu, decodeTargetPdu])
          try {
            decode(header)
          } catch (error) {
            expect(error).toMatchObject({ code: 'protocol' })
          }
      }),
    )
  })

  it('texts are read as they were written', () => {
    const key = fc.stringMatching(/^[A-Za-z0-9.+@_-]{1,63}$/)
    const value = fc.stringMatching(/^[^\0]{0,40}$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value)), (keys) => {
        expect(decodeKeys(encodeKeys(keys))).toEqual(keys)
      }),
    )
  })
})

const digests = fc.record({ header: bit, data: bit })
const someData = fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ minLength: 20_000, maxLength: 40_000 }))
const streams = fc.array(fc.tuple(targetPdu, someData), { minLength: 1, maxLength: 5 })
const cuts = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 10 })

/** Reads a stream in the way that a function feeds it, and returns what came of it. */
function readAll(
  how: { readonly header: boolean; readonly data: boolean },
  feed: (reader: PduReader) => void,
): readonly Pdu[] {
  const pdus: Pdu[] = []
  const reader = createPduReader({
    onHeader: (_header, dataBytes) => new Uint8Array(dataBytes),
    onPdu: (header, data) => pdus.push({ header, data }),
    onFailure: (error) => {
      throw error
    },
  })
  reader.useDigests(how)
  feed(reader)
  return pdus
}

describe('a stream', () => {
  it('is cut into the same PDUs, however it comes', () => {
    fc.assert(
      fc.property(streams, cuts, digests, (parts, lengths, how) => {
        const sent = parts.map(([pdu, data]) => encodeTargetPdu(pdu, data))
        const stream = joined(sent.flatMap((pdu) => piecesOf(pdu, how)))
        const inChunks = readAll(how, (reader) => {
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const length = lengths[turn % lengths.length]!
            reader.push(stream.subarray(at, at + length))
            at += length
          }
        })
        expect(inChunks).toEqual(sent)
        const inPlaces = readAll(how, (reader) => {
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const place = reader.target()
            const length = Math.min(place.length, lengths[turn % lengths.length]!, stream.length - at)
            expect(length).toBeGreaterThan(0)
            place.set(stream.subarray(at, at + length))
            reader.filled(length)
            at += length
          }
        })
        expect(inPlaces).toEqual(sent)
      }),
      { numRuns: 60 },
    )
  })

  it('with digests fails where any bit of it is changed', () => {
    fc.assert(
      fc.property(
        targetPdu,
        fc.uint8Array({ minLength: 1, maxLength: 60 }),
        fc.nat(),
        fc.nat(7),
        (pdu, data, place, shift) => {
          const how = { header: true, data: true }
          const stream = joined(piecesOf(encodeTargetPdu(pdu, data), how))
          const at = place % stream.length
          // Lengths decide how much is waited for, so that a digest may never come.
          if (at >= 4 && at < 8) return
          stream[at]! ^= 1 << shift
          const pdus: Pdu[] = []
          const failures: unknown[] = []
          const reader = createPduReader({
            onHeader: (_header, dataBytes) => new Uint8Array(dataBytes),
            onPdu: (header, part) => pdus.push({ header, data: part }),
            onFailure: (error) => failures.push(error),
          })
          reader.useDigests(how)
          reader.push(stream)
          expect(pdus).toEqual([])
          expect(failures).toMatchObject([{ code: 'digest' }])
        },
      ),
    )
  })

  it('with additional header segments is read past them, and their bytes count in the digest', () => {
    fc.assert(
      fc.property(targetPdu, fc.integer({ min: 1, max: 255 }), bit, (pdu, words, hasDigest) => {
        const how = { header: hasDigest, data: false }
        const { header } = encodeTargetPdu(pdu)
        header[4] = words
        const long = joined([header, new Uint8Array(words * 4).fill(9)])
        const twice = readAll(how, (reader) => {
          for (let times = 0; times < 2; times++)
            for (const piece of piecesOf({ header: long, data: new Uint8Array(0) }, how)) reader.push(piece)
        })
        expect(twice.map((one) => one.header)).toEqual([header, header])
      }),
      { numRuns: 40 },
    )
  })
})
