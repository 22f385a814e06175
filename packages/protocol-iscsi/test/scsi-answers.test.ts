import { describe, expect, it } from 'vitest'
import {
  decodeAttributes,
  decodeCompression,
  decodeDensities,
  decodeDesignators,
  decodeDeviceConfiguration,
  decodeElementAddresses,
  decodeElementStatus,
  decodeInquiry,
  decodeLogPage,
  decodeLuns,
  decodeMediumConfiguration,
  decodeModeParameters,
  decodePosition,
  decodeReservation,
  decodeReservationKeys,
  decodeSupportedOperations,
  decodeTapeAlerts,
  decodeTapeCapacity,
  decodeVitalPage,
  decodeVolumeStatistics,
  encodeModeParameters,
  hostAttribute,
  mediumAttribute,
  pageOf,
  summarizeAttributes,
  withCompression,
} from '../src/scsi/index.js'
import { fromHex } from './support/scsi-failure.js'

const blanks = (count: number) => '20'.repeat(count)
const zeros = (count: number) => '00'.repeat(count)

// Answers of tgtd 1.0.85, as they came over iSCSI.
const ofTgtd = {
  inquiry: `018005123d000002 49424d2020202020 554c54333538302d544435 ${blanks(5)} 30303031 ${zeros(22)} 0200 0960 0300 0000`,
  serialPage: `01800024 ${blanks(30)} 445256303031`,
  designators: `01830048 02010024 4945542020202020 3030303130303031 ${zeros(20)} 01030008 3000000100000001 01030010 6000000000000000 0e00000000010001`,
  luns: `00000020 00000000 ${zeros(8)} 00010000 00000000 00020000 00000000 00030000 00000000`,
  modes: `a1001008 ${zeros(8)} 0000 010a00080000000008000000 020e8080000a00000000000000000000 0a0a02000000000000000200 4a01001c04${zeros(27)} 0f0e${zeros(14)} 100e0000008080${zeros(9)} 1c0a08${zeros(9)} 1d1e01${zeros(29)}`,
  addresses: '1f000008 0000000000000000 1d12 0001 0001 0400 0006 0300 0001 0100 0002 0000',
  drives: `01000002 000000b4 04800056 000000ac
    0100 01 00 0000 000000 80 0400 5441504530303031 ${blanks(24)} ${zeros(4)} 02010022 49424d2020202020 554c54333538302d54443520 ${blanks(4)} 445256303031 00000000
    0101 00 00 0000 000000 00 0000 ${blanks(32)} ${zeros(4)} 02010022 49424d2020202020 554c54333538302d54443520 ${blanks(4)} 4452`,
  operations: '00000098 0000000000000006 0100000000000006 a00000000000000c a300000c0001000c',
}

describe('answers of tgtd', () => {
  it('say what a unit is', () => {
    expect(decodeInquiry(fromHex(ofTgtd.inquiry))).toEqual({
      peripheralType: 1,
      qualifier: 0,
      isRemovable: true,
      version: 5,
      vendor: 'IBM',
      product: 'ULT3580-TD5',
      revision: '0001',
      hasAttachedChanger: false,
    })
  })

  it('have pages of product data', () => {
    expect(decodeVitalPage(fromHex(ofTgtd.serialPage), 0x80)).toHaveLength(36)
    expect(decodeDesignators(fromHex(ofTgtd.designators))).toEqual([
      { association: 'unit', type: 1, value: 'IET     00010001' },
      { association: 'unit', type: 3, value: '3000000100000001' },
      { association: 'unit', type: 3, value: '60000000000000000e00000000010001' },
    ])
  })

  it('list the units', () => {
    expect(decodeLuns(fromHex(ofTgtd.luns))).toEqual([0, 1, 2, 3])
  })

  it('have all mode pages at once, a page below another one among them', () => {
    const parameters = decodeModeParameters(fromHex(ofTgtd.modes), 6)
    expect(parameters).toMatchObject({ isWriteProtected: false, bufferedMode: 1 })
    expect(parameters.blockDescriptor).toEqual({ densityCode: 0, blockCount: 0, blockLengthBytes: 0 })
    expect(parameters.pages.map(({ code, subpage, content }) => [code, subpage, content.length])).toEqual([
      [0x00, 0, 0],
      [0x01, 0, 10],
      [0x02, 0, 14],
      [0x0a, 0, 10],
      [0x0a, 1, 28],
      [0x0f, 0, 14],
      [0x10, 0, 14],
      [0x1c, 0, 10],
      [0x1d, 0, 30],
    ])
    expect(decodeMediumConfiguration(parameters).isWorm).toBe(true)
    expect(decodeCompression(parameters)).toMatchObject({ isEnabled: false, isPossible: false })
    expect(decodeDeviceConfiguration(parameters)).toMatchObject({ activePartition: 0, isSoftwareProtected: false })
  })

  it('tell where the elements of a changer are', () => {
    const parameters = decodeModeParameters(fromHex(ofTgtd.addresses), 6)
    expect(decodeElementAddresses(pageOf(parameters, 0x1d, 16).content)).toEqual({
      transports: { first: 1, count: 1 },
      storage: { first: 1024, count: 6 },
      importExport: { first: 768, count: 1 },
      drives: { first: 256, count: 2 },
    })
  })

  it('tell of drives, of which the last one is cut by 8 bytes', () => {
    const { elements, isComplete, available } = decodeElementStatus(fromHex(ofTgtd.drives))
    expect({ isComplete, available }).toEqual({ isComplete: false, available: 2 })
    expect(elements).toEqual([
      {
        type: 'drive',
        address: 256,
        isFull: true,
        exception: undefined,
        isAccessible: false,
        sourceAddress: 1024,
        isInverted: false,
        primaryTag: { identifier: 'TAPE0001', sequence: 0 },
        alternateTag: undefined,
        deviceId: { association: 0, type: 1, value: 'IBM     ULT3580-TD5     DRV001' },
        importExport: undefined,
        bus: undefined,
        isCut: false,
      },
      // A name that is cut must not be taken for another drive's.
      expect.objectContaining({ address: 257, isFull: false, primaryTag: undefined, deviceId: undefined, isCut: true }),
    ])
  })

  it('list the commands, as far as they came', () => {
    expect(decodeSupportedOperations(fromHex(ofTgtd.operations))).toEqual([
      { opcode: 0x00, serviceAction: undefined, cdbBytes: 6 },
      { opcode: 0x01, serviceAction: undefined, cdbBytes: 6 },
      { opcode: 0xa0, serviceAction: undefined, cdbBytes: 12 },
      { opcode: 0xa3, serviceAction: 0x0c, cdbBytes: 12 },
    ])
  })
})

describe('element status by the standard', () => {
  // SMC-3, 6.12: two pages, a mail slot that an operator filled and a slot with a defect and two tags.
  const status = decodeElementStatus(
    fromHex(`0300 0002 000000 9c
      03 80 0034 00 000034 0300 3b 00 0000 000000 00 0000 4d41494c3030314c35 ${blanks(23)} 0000 0007 00000000
      02 c0 0058 00 000058 0400 0d 00 3b12 000000 c0 0401 4c35 ${blanks(30)} 00000000 414c54 ${blanks(29)} 00000001 00000000`),
  )

  it('tells who put a cartridge into a mail slot', () => {
    expect(status.elements[0]).toMatchObject({
      type: 'import-export',
      importExport: { byOperator: true, canExport: true, canImport: true },
      isFull: true,
      isAccessible: true,
      primaryTag: { identifier: 'MAIL001L5', sequence: 7 },
    })
  })

  it('tells of a defect, of the slot that a cartridge came from, and of two tags', () => {
    expect(status.elements[1]).toMatchObject({
      type: 'storage',
      address: 1024,
      exception: { asc: 0x3b, ascq: 0x12, text: 'the magazine was removed' },
      sourceAddress: 1025,
      isInverted: true,
      primaryTag: { identifier: 'L5' },
      alternateTag: { identifier: 'ALT', sequence: 1 },
    })
  })

  it('tells of drives on an old bus', () => {
    const { elements } = decodeElementStatus(
      fromHex(`0100 0001 000000 18 04 00 0010 00 000010 0100 08 00 0000 32 05 00 00 0000 00000000`),
    )
    expect(elements[0]?.bus).toEqual({ lun: 2, target: 5 })
  })

  it.each([
    ['a header that is cut', '0400000600'],
    ['a descriptor of no length', '0400 0001 00000018 02800000 00000010 0400010000000000 0000000000000000'],
    ['a kind that there is not', '0400 0001 00000018 07800010 00000010 0400010000000000 0000000000000000'],
  ])('refuses %s', (_name, digits) => {
    expect(() => decodeElementStatus(fromHex(digits))).toThrow(expect.objectContaining({ code: 'malformed' }))
  })
})

describe('positions', () => {
  it('are not believed of a drive that calls everything the first object', () => {
    expect(decodePosition(fromHex(`14${zeros(19)}`), 'short').isKnown).toBe(false)
    expect(decodePosition(fromHex(`20${zeros(31)}`), 'long').isKnown).toBe(false)
    expect(decodePosition(new Uint8Array(32), 'extended').isKnown).toBe(false)
  })

  it('are not believed when the drive says that it does not know them', () => {
    expect(decodePosition(fromHex(`04 00 0000 00000009 ${zeros(12)}`), 'short').isKnown).toBe(false)
    expect(decodePosition(fromHex(`00 00 0000 00000009 ${zeros(12)}`), 'short').isKnown).toBe(true)
    const long = (flags: string) =>
      decodePosition(fromHex(`${flags} 000000 00000000 0000000000000009 ${zeros(16)}`), 'long')
    expect(['00', '04', '08'].map((flags) => long(flags).isKnown)).toEqual([true, false, false])
  })

  it('have the numbers where the three forms have them', () => {
    const short = decodePosition(fromHex('00 02 0000 0001e240 0001e200 00 000040 00100000'), 'short')
    expect(short).toMatchObject({ isKnown: true, partition: 2, object: 123_456, firstBuffered: 123_392 })
    expect(short).toMatchObject({ bufferedObjects: 64, bufferedBytes: 1_048_576, file: undefined })
    const long = decodePosition(
      fromHex('40 000000 00000001 0000000100000002 0000000000000009 0000000000000000'),
      'long',
    )
    expect(long).toMatchObject({ isKnown: true, isNearEnd: true, partition: 1, object: 2 ** 32 + 2, file: 9 })
    const extended = decodePosition(
      fromHex('01 03 001c 00 000005 0000000000000064 000000000000005f 0000000000001400'),
      'extended',
    )
    expect(extended).toMatchObject({ isKnown: true, partition: 3, object: 100, firstBuffered: 95, bufferedObjects: 5 })
    expect(extended).toMatchObject({ bufferedBytes: 5120, isNearProgrammedEnd: true, isBeginning: false })
  })

  it('are known at the beginning when the drive says that it is there', () => {
    expect(decodePosition(fromHex(`b0${zeros(19)}`), 'short')).toMatchObject({
      isKnown: true,
      isBeginning: true,
      object: 0,
      bufferedObjects: undefined,
      bufferedBytes: undefined,
    })
    expect(decodePosition(fromHex(`88${zeros(31)}`), 'long').isKnown).toBe(false)
  })
})

describe('log pages', () => {
  const alert = (flag: number, value: number) => `${flag.toString(16).padStart(4, '0')} 03 01 0${value}`

  it('have flags with names that differ between drives and changers', () => {
    const page = decodeLogPage(fromHex(`2e00 0014 ${alert(1, 0)} ${alert(16, 1)} ${alert(20, 1)} ${alert(63, 1)}`))
    expect(decodeTapeAlerts(page, 'drive')).toEqual([
      { flag: 16, name: 'Forced eject', severity: 'critical' },
      { flag: 20, name: 'Cleaning required', severity: 'critical' },
      { flag: 63, name: 'Flag 63', severity: 'information' },
    ])
    expect(decodeTapeAlerts(page, 'changer')[0]).toEqual({ flag: 16, name: 'Library door', severity: 'critical' })
  })

  it('tell how much fits on a cartridge', () => {
    const page = decodeLogPage(
      fromHex('3100 0020 00010304 00000400 00020304 00000000 00030304 0016e360 00040304 00000000'),
    )
    expect(decodeTapeCapacity(page)).toEqual({ remainingBytes: 2 ** 30, maximumBytes: 1_500_000 * 2 ** 20 })
  })

  it('tell the life of a cartridge, and nothing where a counter is unknown', () => {
    const page = decodeLogPage(
      fromHex(
        '1700 0035 00010304 0000002a 00040304 ffffffff 00100308 0000000000000bb8 00420308 4c3530303031 2020 00800301 00 00810301 01',
      ),
    )
    expect(decodeVolumeStatistics(page)).toEqual({
      mounts: 42,
      unrecoveredWriteErrors: undefined,
      unrecoveredReadErrors: undefined,
      writtenBytes: 3_000_000_000,
      readBytes: undefined,
      serialNumber: undefined,
      barcode: 'L50001',
      isWriteProtected: false,
      isWorm: true,
    })
  })
})

describe('attributes of a cartridge', () => {
  it('are read as what they mean', () => {
    const attributes = decodeAttributes(
      fromHex(`0000004b 0000 80 0008 0000000000000800 0001 80 0008 000000000016e360 0401 81 0008 53455249414c2020
        0408 80 0001 80 0803 02 0006 4bc3a4736500 0806 01 0009 4c35303030314c3520`),
    )
    expect(summarizeAttributes(attributes)).toMatchObject({
      remainingBytes: 2 ** 31,
      maximumBytes: 1_500_000 * 2 ** 20,
      mediumSerialNumber: 'SERIAL',
      kind: 'worm',
      userTextLabel: 'Käse',
      barcode: 'L50001L5',
      loadCount: undefined,
    })
    expect(attributes.map(({ isReadOnly }) => isReadOnly)).toEqual([true, true, true, true, false, false])
  })

  it('are padded as the standard wants those that a host writes', () => {
    expect(hostAttribute(mediumAttribute.barcode, 'L50001L5').value).toEqual(fromHex(`4c35303030314c35${blanks(24)}`))
    const label = hostAttribute(mediumAttribute.userTextLabel, 'Käse').value
    expect(label).toHaveLength(160)
    expect(label.subarray(0, 6)).toEqual(fromHex('4bc3a4736500'))
    const invalid = expect.objectContaining({ code: 'invalid' })
    expect(() => hostAttribute(mediumAttribute.mediumType, 'x')).toThrow(invalid)
    expect(() => hostAttribute(mediumAttribute.applicationVendor, 'HOLDFASTS')).toThrow(invalid)
  })
})

it('lists of densities may have descriptors with a length of their own', () => {
  const descriptor = (flags: string, length: string) =>
    `5858 ${flags} ${length} 003b26 007f 0500 0016e360 4c544f2d435645 20 552d353136202020 556c747269756d20352f313654 ${blanks(7)}`
  const list = `0070 0000 ${descriptor('a1', '0035')} aaaaaaaaaaaa ${descriptor('20', '0000')}`
  const densities = decodeDensities(fromHex(list))
  expect(densities).toEqual([
    {
      code: 0x58,
      isWritable: true,
      isDefault: true,
      capacityBytes: 1_500_000_000_000,
      organization: 'LTO-CVE',
      name: 'U-516',
      description: 'Ultrium 5/16T',
    },
    expect.objectContaining({ code: 0x58, isWritable: false, isDefault: true }),
  ])
})

it('reservations have keys', () => {
  expect(decodeReservationKeys(fromHex('00000003 00000010 00000000deadbeef 1122334455667788'))).toEqual({
    generation: 3,
    keys: [0xdeadbeefn, 0x1122334455667788n],
  })
  expect(decodeReservation(fromHex('00000003 00000000'))).toBeUndefined()
  const held = '00000003 00000010 00000000deadbeef 00000000 00 03 0000'
  expect(decodeReservation(fromHex(held))).toEqual({ key: 0xdeadbeefn, type: 3 })
})

describe('mode parameters to send', () => {
  it('have zero where the length is, and the block descriptor', () => {
    const blockDescriptor = { densityCode: 0, blockCount: 0, blockLengthBytes: 512 }
    expect(encodeModeParameters({ blockDescriptor })).toEqual(fromHex('00001008 0000000000000200'))
    expect(encodeModeParameters({ blockDescriptor, form: 10 })).toEqual(fromHex('0000001000000008 0000000000000200'))
  })

  it('change compression and nothing else of the page', () => {
    const parameters = decodeModeParameters(fromHex('13001000 0f0e c080 00000001 00000001 00000000'), 6)
    const page = withCompression(parameters, false)
    expect(page.content).toEqual(fromHex('4080 00000001 00000001 00000000'))
    expect(decodeCompression({ ...parameters, pages: [page] })).toMatchObject({ isEnabled: false, isPossible: true })
  })

  it('refuse what does not fit', () => {
    const page = { code: 1, subpage: 0, content: new Uint8Array(250) }
    expect(() => encodeModeParameters({ pages: [page, page] })).toThrow(expect.objectContaining({ code: 'invalid' }))
    expect(() => encodeModeParameters({ pages: [page, page], form: 10 })).not.toThrow()
  })
})
