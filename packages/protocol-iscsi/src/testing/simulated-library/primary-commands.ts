import { byteAt, fieldsOf, numberAt, putText } from '../../scsi/bytes.js'
import { check, conditions, good, type Handler } from './outcome.js'
import type { UnitState } from './unit-state.js'

const types = { drive: 0x01, changer: 0x08 } as const

/** INQUIRY with the pages 00h, 80h, 83h and, of a drive, B0h. SPC-4, 6.6. */
export const inquiry: Handler<UnitState> = (unit, { cdb }) => {
  const allocation = numberAt(cdb, 3, 2)
  const isPage = (byteAt(cdb, 1) & 1) === 1
  const page = byteAt(cdb, 2)
  if (!isPage) return page === 0 ? good(standardData(unit).subarray(0, allocation)) : check(conditions.invalidField)
  const content = pageContent(unit, page)
  if (content === undefined) return check(conditions.invalidField)
  const bytes = new Uint8Array(4 + content.length)
  bytes.set([types[unit.kind], page, content.length >> 8, content.length & 0xff])
  bytes.set(content, 4)
  return good(bytes.subarray(0, allocation))
}

function standardData(unit: UnitState): Uint8Array {
  const bytes = new Uint8Array(66)
  // Removable; SPC-3; addresses of units are hierarchical, and the format is today's; 61 bytes follow; commands are queued.
  bytes.set([types[unit.kind], 0x80, 0x05, 0x12, 61, 0, 0, 0x02])
  // Version descriptors: the command set, iSCSI, SPC-3.
  bytes.set([...(unit.kind === 'drive' ? [0x02, 0x00] : [0x04, 0x80]), 0x09, 0x60, 0x03, 0x00], 58)
  putText(bytes, 8, 8, unit.vendor)
  putText(bytes, 16, 16, unit.product)
  putText(bytes, 32, 4, '0001')
  return bytes
}

function pageContent(unit: UnitState, page: number): Uint8Array | undefined {
  switch (page) {
    case 0x00:
      return Uint8Array.from(unit.kind === 'drive' ? [0x00, 0x80, 0x83, 0xb0] : [0x00, 0x80, 0x83])
    case 0x80: {
      const serial = new Uint8Array(unit.serialNumber.length)
      putText(serial, 0, serial.length, unit.serialNumber)
      return serial
    }
    case 0x83:
      return designator(unit)
    case 0xb0:
      return unit.kind === 'drive' ? Uint8Array.of(0x01, 0, 0, 0) : undefined
    default:
      return
  }
}

/** A T10 vendor id designator in ASCII: as READ ELEMENT STATUS gives it for drives. */
function designator(unit: UnitState): Uint8Array {
  const bytes = new Uint8Array(4 + 34)
  bytes.set([0x02, 0x01, 0, 34])
  bytes.set(deviceId(unit, 0x20), 4)
  return bytes
}

/** Vendor, product and serial number, by which a drive is told from others. */
export function deviceId(unit: UnitState, padding: number): Uint8Array {
  const bytes = new Uint8Array(34).fill(padding)
  putText(bytes, 0, 8, unit.vendor)
  putText(bytes, 8, 16, unit.product)
  putText(bytes, 24, Math.min(10, unit.serialNumber.length), unit.serialNumber)
  return bytes
}

/** REQUEST SENSE: no command waits with any. */
export const requestSense: Handler<UnitState> = () =>
  good(Uint8Array.of(0x70, 0, 0, 0, 0, 0, 0, 10, ...new Uint8Array(10)))

/** PREVENT ALLOW MEDIUM REMOVAL. SPC-4, 6.18. */
export const preventRemoval: Handler<UnitState> = (unit, { cdb }, initiator) => {
  if (unit.kind === 'changer' && !unit.settings.supports.preventOnChanger) return check(conditions.unsupported)
  if ((byteAt(cdb, 4) & 1) === 1) unit.preventedBy.add(initiator)
  else unit.preventedBy.delete(initiator)
  return good()
}

/** REPORT LUNS: one unit behind each device. */
export const reportLuns: Handler<UnitState> = () => good(fieldsOf(16, (view) => view.setUint32(0, 8)))

/** REPORT SUPPORTED OPERATION CODES, all of them without service actions. SPC-4, 6.35. */
export function supportedOperations(opcodes: readonly number[]): Handler<UnitState> {
  return (_unit, { cdb }) => {
    if ((byteAt(cdb, 1) & 0x1f) !== 0x0c || (byteAt(cdb, 2) & 0x07) !== 0) return check(conditions.invalidField)
    return good(
      fieldsOf(4 + 8 * opcodes.length, (view) => {
        view.setUint32(0, 8 * opcodes.length)
        opcodes.forEach((opcode, index) => {
          view.setUint8(4 + 8 * index, opcode)
          view.setUint16(4 + 8 * index + 6, cdbBytesOf(opcode))
        })
      }),
    )
  }
}

/** The group in the upper bits tells how long a command is. SPC-4, 4.2.5.1. */
function cdbBytesOf(opcode: number): number {
  const group = opcode >> 5
  if (group === 0) return 6
  if (group === 4) return 16
  return group === 5 ? 12 : 10
}
