import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isNbdError } from '../src/index.js'
import { errnoName, errnoValues } from '../src/wire/errno.js'
import {
  decodeExportSummary,
  decodeGreeting,
  decodeOptionHeader,
  decodeReplyHeader,
  encodeExportSummary,
  encodeGreeting,
  encodeOption,
  encodeOptionReply,
} from '../src/wire/handshake.js'
import {
  decodeContextRequest,
  decodeGrantedContext,
  decodeInfo,
  decodeInfoRequest,
  decodeListedExport,
  encodeContextRequest,
  encodeGrantedContext,
  encodeInfo,
  encodeInfoRequest,
  encodeListedExport,
} from '../src/wire/option-payloads.js'
import {
  decodeBlockStatus,
  decodeError,
  decodeReplyStart,
  encodeBlockStatus,
  encodeChunkHeader,
  encodeError,
  encodeSimpleReply,
} from '../src/wire/replies.js'
import { decodeRequest, encodeRequest } from '../src/wire/requests.js'

const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const size = fc.maxSafeNat()
const cookie = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const text = fc.string({ unit: 'grapheme', maxLength: 40 })

describe('messages are read as they were written', () => {
  it('requests', () => {
    fc.assert(
      fc.property(fc.record({ flags: u16, command: u16, cookie, offset: size, lengthBytes: u32 }), (request) => {
        expect(decodeRequest(encodeRequest(request))).toEqual(request)
      }),
    )
  })

  it('replies', () => {
    fc.assert(
      fc.property(cookie, u16, fc.boolean(), u32, (id, type, isLast, length) => {
        expect(decodeReplyStart(encodeSimpleReply(id).subarray(0, 16))).toEqual({
          kind: 'simple',
          cookie: id,
          error: 0,
        })
        const header = encodeChunkHeader({ cookie: id, type, isLast }, length)
        expect(decodeReplyStart(header.subarray(0, 16))).toEqual({ kind: 'chunk', cookie: id, type, isLast })
        expect(header.length).toBe(20)
      }),
    )
  })

  it('option payloads', () => {
    const contexts = fc.record({ exportName: text, queries: fc.array(text, { maxLength: 5 }) })
    fc.assert(
      fc.property(
        contexts,
        text,
        fc.array(u16, { maxLength: 8 }),
        u32,
        size,
        (request, name, wishes, id, sizeBytes) => {
          expect(decodeContextRequest(encodeContextRequest(request))).toEqual(request)
          expect(decodeInfoRequest(encodeInfoRequest({ name, wishes }))).toEqual({ name, wishes })
          expect(decodeGrantedContext(encodeGrantedContext({ id, name }))).toEqual({ id, name })
          const listed = { name, description: request.exportName }
          expect(decodeListedExport(encodeListedExport(listed))).toEqual(listed)
          expect(decodeInfo(encodeInfo({ kind: 'export', sizeBytes, flags: 3 }))).toEqual({
            kind: 'export',
            sizeBytes,
            flags: 3,
          })
          expect(decodeInfo(encodeInfo({ kind: 'name', text: name }))).toEqual({ kind: 'name', text: name })
          expect(decodeExportSummary(encodeExportSummary({ sizeBytes, flags: 9 }, true))).toEqual({
            sizeBytes,
            flags: 9,
          })
        },
      ),
    )
  })

  it('headers of the negotiation', () => {
    fc.assert(
      fc.property(u32, u32, fc.uint8Array({ maxLength: 30 }), (option, type, payload) => {
        expect(decodeOptionHeader(encodeOption(option, payload))).toEqual({ option, lengthBytes: payload.length })
        const reply = encodeOptionReply(option, type, payload)
        expect(decodeReplyHeader(reply)).toEqual({ option, type, lengthBytes: payload.length })
        expect(decodeGreeting(encodeGreeting(option & 0xffff))).toBe(option & 0xffff)
      }),
    )
  })

  it('block status', () => {
    const extent = fc.record({ length: fc.integer({ min: 1, max: 0xffff_ffff }), flags: u32 })
    fc.assert(
      fc.property(u32, fc.array(extent, { minLength: 1, maxLength: 20 }), (contextId, extents) => {
        const status = decodeBlockStatus(encodeBlockStatus(contextId, extents))
        expect({ contextId: status.contextId, extents: [...status.extents()] }).toEqual({ contextId, extents })
      }),
    )
  })

  it('errors', () => {
    for (const [name, value] of Object.entries(errnoValues)) expect(errnoName(value)).toBe(name)
    expect(errnoName(77)).toBe('EINVAL')
    expect(decodeError(encodeError('ENOSPC'), false)).toEqual({ errno: 'ENOSPC', message: '', offset: undefined })
  })
})

describe('any bytes at all', () => {
  const decoders = {
    decodeContextRequest,
    decodeInfoRequest,
    decodeInfo,
    decodeListedExport,
    decodeGrantedContext,
    decodeBlockStatus,
    decodeError: (bytes: Uint8Array) => decodeError(bytes, true),
  }
  it.each(Object.entries(decoders))('are read or refused with an NbdError by %s', (_name, decode) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decode(bytes)
        } catch (error) {
          expect(error).toSatisfy(isNbdError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
