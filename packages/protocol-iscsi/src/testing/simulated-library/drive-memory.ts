import { byteAt, fieldsOf, numberAt, putNumber, putSize, putText } from '../../scsi/bytes.js'
import { decodeAttributes, encodeAttributes, type MediumAttribute, mediumAttribute } from '../../scsi/index.js'
import type { Cartridge } from './cartridge.js'
import type { DriveState } from './drive-state.js'
import { check, conditions, good, type Handler } from './outcome.js'
import { whenReady } from './stream-write.js'

const mib = 2 ** 20
const formats = ['binary', 'ascii', 'text'] as const

/** READ ATTRIBUTE: values. SPC-4, 6.17. */
export const readAttribute: Handler<DriveState> = (drive, { cdb }) => {
  if (!drive.settings.supports.attributes) return check(conditions.unsupported)
  if ((byteAt(cdb, 1) & 0x1f) !== 0) return check(conditions.invalidField)
  return whenReady(drive, (cartridge) => {
    const first = numberAt(cdb, 8, 2)
    const chosen = attributesOf(cartridge).filter(({ id }) => id >= first)
    return good(encodeAttributes(chosen).subarray(0, numberAt(cdb, 10, 4)))
  })
}

/** WRITE ATTRIBUTE: those of hosts only. SPC-4, 6.51. */
export const writeAttribute: Handler<DriveState> = (drive, { dataOut = new Uint8Array() }) => {
  if (!drive.settings.supports.attributes) return check(conditions.unsupported)
  return whenReady(drive, (cartridge) => {
    if (dataOut.length < 4) return check({ key: 0x5, additional: 0x1a00 })
    const attributes = decodeAttributes(dataOut)
    if (attributes.some(({ id }) => id < 0x0800 || id >= 0x0c00)) return check(conditions.invalidParameter)
    for (const { id, format, value } of attributes) {
      if (value.length === 0) cartridge.hostAttributes.delete(id)
      else cartridge.hostAttributes.set(id, { format: formats.indexOf(format), value: Uint8Array.from(value) })
    }
    return good()
  })
}

/** Attributes of a cartridge in the order of their numbers, as its drive gives them. */
function attributesOf(cartridge: Cartridge): readonly MediumAttribute[] {
  const remaining = Math.max(0, Math.floor((cartridge.sizeBytes - cartridge.usedBytes) / mib))
  const kinds = { data: 0x00, cleaning: 0x01, worm: 0x80 } as const
  return [
    count(mediumAttribute.remainingCapacity, remaining),
    count(mediumAttribute.maximumCapacity, Math.floor(cartridge.sizeBytes / mib)),
    count(mediumAttribute.loadCount, cartridge.loadCount),
    count(mediumAttribute.writtenInLife, Math.floor(cartridge.writtenBytes / mib)),
    text(mediumAttribute.manufacturer, 8, 'SIMULATE'),
    text(mediumAttribute.mediumSerialNumber, 32, `SN${cartridge.barcode}`),
    {
      id: mediumAttribute.mediumType,
      format: 'binary',
      isReadOnly: true,
      value: Uint8Array.of(kinds[cartridge.kind]),
    },
    ...[...cartridge.hostAttributes]
      .toSorted(([one], [other]) => one - other)
      .map(([id, { format, value }]) => ({ id, format: formats[format] ?? 'binary', isReadOnly: false, value })),
  ]
}

function count(id: number, value: number): MediumAttribute {
  return { id, format: 'binary', isReadOnly: true, value: fieldsOf(8, (view) => putSize(view, 0, value)) }
}

function text(id: number, lengthBytes: number, value: string): MediumAttribute {
  const bytes = new Uint8Array(lengthBytes)
  putText(bytes, 0, lengthBytes, value)
  return { id, format: 'ascii', isReadOnly: true, value: bytes }
}

/** LOG SENSE: the pages 00h, 17h, 2Eh and 31h. SSC-4, 8.2. */
export const driveLogSense: Handler<DriveState> = (drive, { cdb }) => {
  if (!drive.settings.supports.logSense) return check(conditions.unsupported)
  const parameters = logParameters(drive, byteAt(cdb, 2) & 0x3f)
  if (parameters === undefined) return check(conditions.invalidField)
  return good(logPage(byteAt(cdb, 2) & 0x3f, parameters).subarray(0, numberAt(cdb, 7, 2)))
}

function logParameters(drive: DriveState, page: number): Uint8Array | undefined {
  const { cartridge } = drive
  switch (page) {
    case 0x00:
      return Uint8Array.of(0x00, 0x17, 0x2e, 0x31)
    case 0x2e:
      return tapeAlertParameters(drive.tapeAlerts)
    case 0x31: {
      const size = cartridge === undefined ? 0 : Math.floor(cartridge.sizeBytes / mib)
      const free = cartridge === undefined ? 0 : Math.floor((cartridge.sizeBytes - cartridge.usedBytes) / mib)
      return joined([free, 0, size, 0].map((value, index) => parameter(index + 1, number(4, value))))
    }
    case 0x17: {
      if (cartridge === undefined) return new Uint8Array()
      const barcode = new Uint8Array(32)
      putText(barcode, 0, 32, cartridge.barcode)
      return joined([
        parameter(0x0001, number(4, cartridge.loadCount)),
        parameter(0x0010, number(4, Math.floor(cartridge.writtenBytes / 1_000_000))),
        parameter(0x0011, number(4, Math.floor(cartridge.readBytes / 1_000_000))),
        parameter(0x0042, barcode),
        parameter(0x0080, number(1, cartridge.isWriteProtected ? 1 : 0)),
        parameter(0x0081, number(1, cartridge.kind === 'worm' ? 1 : 0)),
      ])
    }
    default:
      return
  }
}

/** All 64 flags; reading them takes them down. */
export function tapeAlertParameters(flags: Set<number>): Uint8Array {
  const up = new Set(flags)
  flags.clear()
  return joined(Array.from({ length: 64 }, (_, index) => parameter(index + 1, number(1, up.has(index + 1) ? 1 : 0))))
}

/** Makes a log page. SPC-4, 7.3.2. */
export function logPage(page: number, parameters: Uint8Array): Uint8Array {
  return joined([Uint8Array.of(page, 0, parameters.length >> 8, parameters.length & 0xff), parameters])
}

function parameter(code: number, value: Uint8Array): Uint8Array {
  return joined([Uint8Array.of(code >> 8, code & 0xff, 0x03, value.length), value])
}

function number(lengthBytes: number, value: number): Uint8Array {
  return fieldsOf(lengthBytes, (view) => putNumber(view, 0, lengthBytes, value))
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}
