import { byteAt, fieldsOf, viewOf } from '../../scsi/bytes.js'
import { scsiStatus } from '../../scsi/status.js'
import { check, conditions, good, type Handler, type Outcome, refuse } from './outcome.js'
import type { UnitState } from './unit-state.js'

/** These pass any reservation. SPC-4, table 64. */
const alwaysAllowed = new Set([0x00, 0x03, 0x12, 0x17, 0xa0, 0x5e, 0x5f])
/** These only read: a reservation against writes lets them pass. */
const readingOnly = new Set([0x05, 0x08, 0x1a, 0x34, 0x44, 0x4d, 0x5a, 0x8c, 0xb8, 0xa3])
const allRegistrants = new Set([7, 8])
const registrantsOnly = new Set([5, 6, 7, 8])
const writeExclusive = new Set([1, 5, 7])

/** Tells whether an initiator's command passes the reservations. */
export function isReservedFor(unit: UnitState, initiator: string, opcode: number): boolean {
  if (unit.reservedBy !== undefined && unit.reservedBy !== initiator)
    return alwaysAllowed.has(opcode) && opcode !== 0x00 && opcode !== 0x5f
  const held = unit.persistent
  if (held === undefined || held.holder === initiator || alwaysAllowed.has(opcode)) return true
  if (registrantsOnly.has(held.type) && unit.registrations.has(initiator)) return true
  return writeExclusive.has(held.type) && readingOnly.has(opcode)
}

/** RESERVE(6). */
export const reserve: Handler<UnitState> = (unit, _command, initiator) => {
  if (!unit.settings.supports.reservations) return check(conditions.unsupported)
  unit.reservedBy = initiator
  return good()
}

/** RELEASE(6). */
export const release: Handler<UnitState> = (unit, _command, initiator) => {
  if (!unit.settings.supports.reservations) return check(conditions.unsupported)
  if (unit.reservedBy === initiator) unit.reservedBy = undefined
  return good()
}

/** PERSISTENT RESERVE IN: keys and reservation. SPC-4, 6.15. */
export const persistentReserveIn: Handler<UnitState> = (unit, { cdb }) => {
  if (!unit.settings.supports.persistentReservations) return check(conditions.unsupported)
  const action = byteAt(cdb, 1) & 0x1f
  if (action === 0x00) return good(keyList(unit))
  return action === 0x01 ? good(heldReservation(unit)) : check(conditions.invalidField)
}

function keyList(unit: UnitState): Uint8Array {
  const keys = [...unit.registrations.values()]
  return fieldsOf(8 + 8 * keys.length, (view) => {
    view.setUint32(0, unit.registrationChanges)
    view.setUint32(4, 8 * keys.length)
    keys.forEach((key, index) => {
      view.setBigUint64(8 + 8 * index, key)
    })
  })
}

function heldReservation(unit: UnitState): Uint8Array {
  const held = unit.persistent
  return fieldsOf(held === undefined ? 8 : 24, (view) => {
    view.setUint32(0, unit.registrationChanges)
    if (held === undefined) return
    view.setUint32(4, 16)
    const isOfAll = allRegistrants.has(held.type)
    view.setBigUint64(8, isOfAll ? 0n : (unit.registrations.get(held.holder) ?? 0n))
    view.setUint8(21, held.type)
  })
}

/** PERSISTENT RESERVE OUT. SPC-4, 6.16. */
export const persistentReserveOut: Handler<UnitState> = (unit, { cdb, dataOut }, initiator) => {
  if (!unit.settings.supports.persistentReservations) return check(conditions.unsupported)
  if (dataOut === undefined || dataOut.length < 24) return check({ key: 0x5, additional: 0x1a00 })
  const key = viewOf(dataOut).getBigUint64(0)
  const other = viewOf(dataOut).getBigUint64(8)
  const action = byteAt(cdb, 1) & 0x1f
  const own = unit.registrations.get(initiator)
  if (action === 0x06 || action === 0x00) {
    if (action === 0x00 && (own ?? 0n) !== key) return refuse(scsiStatus.reservationConflict)
    return register(unit, initiator, other)
  }
  if (own === undefined || own !== key) return refuse(scsiStatus.reservationConflict)
  return changeHeld(unit, initiator, action, byteAt(cdb, 2) & 0xf, other)
}

function register(unit: UnitState, initiator: string, key: bigint): Outcome {
  unit.registrationChanges += 1
  if (key !== 0n) {
    unit.registrations.set(initiator, key)
    return good()
  }
  unit.registrations.delete(initiator)
  if (unit.persistent?.holder === initiator) unit.persistent = undefined
  return good()
}

function changeHeld(unit: UnitState, initiator: string, action: number, type: number, other: bigint): Outcome {
  const held = unit.persistent
  switch (action) {
    case 0x01:
      if (held !== undefined && held.holder !== initiator) return refuse(scsiStatus.reservationConflict)
      unit.persistent = { holder: initiator, type }
      return good()
    case 0x02:
      if (held?.holder === initiator && held.type !== type) return check({ key: 0x5, additional: 0x2604 })
      if (held?.holder === initiator) unit.persistent = undefined
      return good()
    case 0x03:
      unit.registrations.clear()
      unit.persistent = undefined
      unit.registrationChanges += 1
      return good()
    case 0x04: {
      const losers = [...unit.registrations].filter(([, key]) => key === other).map(([name]) => name)
      if (losers.length === 0) return refuse(scsiStatus.reservationConflict)
      for (const loser of losers) {
        unit.registrations.delete(loser)
        unit.attentions.get(loser)?.push({ key: 0x6, additional: 0x2a05 })
      }
      if (held === undefined || losers.includes(held.holder)) unit.persistent = { holder: initiator, type }
      unit.registrationChanges += 1
      return good()
    }
    default:
      return check(conditions.invalidField)
  }
}
