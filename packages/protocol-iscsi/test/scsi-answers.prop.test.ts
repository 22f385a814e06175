import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeAttributes,
  decodeBlockLimits,
  decodeDensities,
  decodeDesignators,
  decodeElementAddresses,
  decodeElementStatus,
  decodeInquiry,
  decodeLogPage,
  decodeLuns,
  decodeModeParameters,
  decodePosition,
  decodeReservation,
  decodeReservationKeys,
  decodeSense,
  decodeSupportedOperations,
  decodeTapeAlerts,
  decodeTapeCapacity,
  decodeVitalPage,
  decodeVolumeStatistics,
  encodeAttributes,
  encodeModeParameters,
  isScsiError,
  type MediumAttribute,
  readElementStatus,
  type ScsiDevice,
  summarizeAttributes,
} from '../src/scsi/index.js'
import { simulatedLibrary } from '../src/testing/index.js'
import { senseBytes } from '../src/testing/simulated-library/sense-bytes.js'
import { commands } from './support/all-commands.js'
import { calm } from './support/scsi-failure.js'

describe('any bytes at all', () => {
  const decoders: Record<string, (bytes: Uint8Array) => unknown> = {
    decodeSense,
    decodeInquiry,
    decodeDesignators,
    decodeVitalPage: (bytes) => decodeVitalPage(bytes, 0x80),
    decodeLuns,
    decodeSupportedOperations,
    decodeShortModes: (bytes) => decodeModeParameters(bytes, 6),
    decodeLongModes: (bytes) => decodeModeParameters(bytes, 10),
    decodeLogs: (bytes) => {
      const page = decodeLogPage(bytes)
      return [decodeTapeAlerts(page, 'drive'), decodeTapeCapacity(page), decodeVolumeStatistics(page)]
    },
    decodeReservationKeys,
    decodeReservation,
    decodeAttributes: (bytes) => summarizeAttributes(decodeAttributes(bytes)),
    decodeBlockLimits,
    decodeDensities,
    decodeShortPosition: (bytes) => decodePosition(bytes, 'short'),
    decodeLongPosition: (bytes) => decodePosition(bytes, 'long'),
    decodeExtendedPosition: (bytes) => decodePosition(bytes, 'extended'),
    decodeElementAddresses,
    decodeElementStatus,
  }
  // Small numbers make lengths that fit, so that the inner loops are reached.
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(fc.oneof(fc.nat(6), fc.nat(255)), { maxLength: 300 }).map((values) => Uint8Array.from(values)),
  )

  it.each(Object.entries(decoders))('are read or refused with a ScsiError by %s', (_name, decode) => {
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          decode(input)
        } catch (error) {
          expect(error).toSatisfy((reason) => isScsiError(reason) && reason.code === 'malformed')
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('round trips', () => {
  it('of sense data in both formats', () => {
    const condition = fc.record({
      key: fc.nat(15),
      additional: fc.nat(0xffff),
      filemark: fc.boolean(),
      endOfMedium: fc.boolean(),
      incorrectLength: fc.boolean(),
      information: fc.option(fc.integer(), { nil: undefined }),
    })
    fc.assert(
      fc.property(condition, fc.constantFrom('fixed', 'descriptor'), ({ information, ...rest }, format) => {
        const given = information === undefined ? rest : { ...rest, information }
        const { additional, ...expected } = rest
        expect(decodeSense(senseBytes(given, format))).toMatchObject({
          ...expected,
          information,
          asc: additional >> 8,
          ascq: additional & 0xff,
        })
      }),
    )
  })

  const content = fc.uint8Array({ maxLength: 40 })

  it('of mode parameters in both forms', () => {
    const change = fc.record({
      bufferedMode: fc.nat(7),
      form: fc.constantFrom(6, 10),
      blockDescriptor: fc.option(
        fc.record({
          densityCode: fc.nat(255),
          blockCount: fc.nat(0xff_ffff),
          blockLengthBytes: fc.nat(0xff_ffff),
        }),
        { nil: undefined },
      ),
      pages: fc.array(fc.record({ code: fc.nat(0x3f), subpage: fc.nat(255), content }), { maxLength: 4 }),
    })
    fc.assert(
      fc.property(change, ({ blockDescriptor, ...rest }) => {
        const { form, pages, bufferedMode } = rest
        const bytes = encodeModeParameters({ ...rest, ...(blockDescriptor === undefined ? {} : { blockDescriptor }) })
        // What is sent has no length; an answer has.
        if (form === 6) bytes[0] = bytes.length - 1
        else bytes.set([(bytes.length - 2) >> 8, (bytes.length - 2) & 0xff])
        expect(decodeModeParameters(bytes, form)).toMatchObject({ bufferedMode, blockDescriptor, pages })
      }),
    )
  })

  const attribute: fc.Arbitrary<MediumAttribute> = fc.record({
    id: fc.nat(0xffff),
    format: fc.constantFrom('binary', 'ascii', 'text'),
    isReadOnly: fc.boolean(),
    value: content,
  })

  it('of attributes; of a list that is cut, those that are whole', () => {
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 8 }), fc.nat(400), (attributes, cut) => {
        const bytes = encodeAttributes(attributes)
        expect(decodeAttributes(bytes)).toEqual(attributes)
        const part = bytes.subarray(0, Math.max(4, bytes.length - cut))
        let left = part.length - 4
        const whole = attributes.filter(({ value }) => {
          left -= 5 + value.length
          return left >= 0
        })
        expect(decodeAttributes(part)).toEqual(whole)
      }),
    )
  })
})

describe('element status that is cut anywhere', () => {
  const room = fc.record({
    slots: fc.integer({ min: 1, max: 12 }),
    filled: fc.nat(12),
    allocation: fc.integer({ min: 8, max: 900 }),
  })

  it('has the elements that are whole as they are, and marks the last one when it is not', async () => {
    await fc.assert(
      fc.asyncProperty(room, async ({ slots, filled, allocation }) => {
        const cartridges = Array.from({ length: Math.min(filled, slots) }, (_, index) => ({ barcode: `TAPE${index}` }))
        using library = simulatedLibrary({ drives: 1, slots, cartridges })
        const { changer } = library
        await changer.execute({ cdb: new Uint8Array(6) }, calm)
        const all = await readElementStatus(changer, { type: 'storage' }, calm)
        expect(all).toMatchObject({ available: slots, isComplete: true })
        expect(all.elements.map(({ primaryTag }) => primaryTag?.identifier)).toEqual(
          Array.from({ length: slots }, (_, index) => cartridges[index]?.barcode),
        )
        const part = await readElementStatus(changer, { type: 'storage', allocationBytes: allocation }, calm)
        const whole = Math.min(slots, Math.max(0, Math.floor((allocation - 16) / 52)))
        expect(part.elements.filter(({ isCut }) => !isCut)).toEqual(all.elements.slice(0, whole))
        expect(part.isComplete).toBe(whole === slots)
        expect(part.elements.filter(({ isCut }) => isCut).length).toBeLessThanOrEqual(1)
      }),
    )
  })
})

describe('a unit that answers anything', () => {
  it('never makes a command fail with another error than a ScsiError', async () => {
    const answer = fc.record({
      status: fc.oneof(fc.constant(2), fc.constant(0), fc.nat(255)),
      sense: fc.oneof(
        fc.uint8Array({ maxLength: 32 }),
        fc
          .tuple(fc.constantFrom(0x70, 0xf0, 0x72), fc.uint8Array({ minLength: 17, maxLength: 17 }))
          .map(([first, rest]) => Uint8Array.of(first, ...rest)),
      ),
      dataInBytes: fc.nat(400),
      data: fc.uint8Array({ minLength: 400, maxLength: 400 }),
    })
    await fc.assert(
      fc.asyncProperty(answer, fc.constantFrom(...Object.keys(commands)), async ({ data, ...rest }, name) => {
        const device: ScsiDevice = {
          execute: async ({ dataIn }) => {
            dataIn?.set(data.subarray(0, dataIn.length))
            return { ...rest, dataInBytes: Math.min(rest.dataInBytes, dataIn?.length ?? 0) }
          },
        }
        try {
          await commands[name]?.(device)
        } catch (error) {
          expect(error).toSatisfy(isScsiError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
