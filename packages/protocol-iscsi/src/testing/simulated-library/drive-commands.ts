import { byteAt, fieldsOf, numberAt, putNumber, putText } from '../../scsi/bytes.js'
import { driveLogSense, readAttribute, writeAttribute } from './drive-memory.js'
import { driveModeSelect, driveModeSense } from './drive-mode.js'
import { type DriveState, flushBuffer, moveTo, unreadiness } from './drive-state.js'
import { check, conditions, good, type Handler } from './outcome.js'
import { inquiry, preventRemoval, reportLuns, requestSense, supportedOperations } from './primary-commands.js'
import { persistentReserveIn, persistentReserveOut, release, reserve } from './reservations.js'
import { locate, readPosition, rewind, space } from './stream-position.js'
import { read } from './stream-read.js'
import { erase, write, writeFilemarks } from './stream-write.js'

const testUnitReady: Handler<DriveState> = (drive) => {
  const refusal = unreadiness(drive)
  return refusal === undefined ? good() : check(refusal)
}

/** READ BLOCK LIMITS. SSC-4, 6.6. */
const readBlockLimits: Handler<DriveState> = (drive) =>
  good(
    fieldsOf(6, (view) => {
      const isTgtd = drive.settings.quirks.has('mode-of-tgtd')
      if (isTgtd) view.setUint8(0, 9)
      putNumber(view, 1, 3, isTgtd ? 0x10_0000 : 0x80_0000)
      view.setUint16(4, isTgtd ? 4 : 1)
    }),
  )

/** LOAD UNLOAD. SSC-4, 7.2. */
const loadUnload: Handler<DriveState> = (drive, { cdb }) => {
  const bits = byteAt(cdb, 4)
  if (drive.settings.quirks.has('disk-load-bits')) {
    if ((bits & 2) === 2 && drive.cartridge !== undefined) drive.isLoaded = (bits & 1) === 1
    return good()
  }
  if (drive.cartridge === undefined) return check(conditions.noMedium)
  const isLoad = (bits & 1) === 1
  if (!isLoad && drive.preventedBy.size > 0) return check(conditions.removalPrevented)
  flushBuffer(drive)
  if (drive.isLoaded) moveTo(drive, drive.cartridge.objects, 0)
  if (isLoad && !drive.isLoaded) drive.readyIn = drive.settings.readyAfterCommands
  drive.isLoaded = isLoad
  return good()
}

/** REPORT DENSITY SUPPORT: LTO-5. SSC-4, 6.10. */
const reportDensity: Handler<DriveState> = (drive, { cdb }) => {
  if (!drive.settings.supports.densities) return check(conditions.unsupported)
  if ((byteAt(cdb, 1) & 1) === 1 && drive.cartridge === undefined) return check(conditions.noMedium)
  const bytes = fieldsOf(56, (view) => {
    view.setUint16(0, 54)
    view.setUint8(4, 0x58)
    view.setUint8(5, 0x58)
    view.setUint8(6, 0xa0)
    putNumber(view, 9, 3, 15_142)
    view.setUint16(12, 127)
    view.setUint16(14, 1280)
    view.setUint32(16, 1_500_000)
  })
  putText(bytes, 20, 8, 'LTO-CVE')
  putText(bytes, 28, 8, 'U-516')
  putText(bytes, 36, 20, 'Ultrium 5/16T')
  return good(bytes.subarray(0, numberAt(cdb, 7, 2)))
}

const common: readonly (readonly [opcode: number, Handler<DriveState>])[] = [
  [0x00, testUnitReady],
  [0x01, rewind],
  [0x03, requestSense],
  [0x05, readBlockLimits],
  [0x08, read],
  [0x0a, write],
  [0x10, writeFilemarks],
  [0x11, space],
  [0x12, inquiry],
  [0x15, driveModeSelect],
  [0x16, reserve],
  [0x17, release],
  [0x19, erase],
  [0x1a, driveModeSense],
  [0x1b, loadUnload],
  [0x1e, preventRemoval],
  [0x2b, locate],
  [0x34, readPosition],
  [0x44, reportDensity],
  [0x4d, driveLogSense],
  [0x55, driveModeSelect],
  [0x5a, driveModeSense],
  [0x5e, persistentReserveIn],
  [0x5f, persistentReserveOut],
  [0x8c, readAttribute],
  [0x8d, writeAttribute],
  [0x91, space],
  [0x92, locate],
  [0xa0, reportLuns],
]

/** The commands of a drive, by their first byte. */
export const driveCommands: ReadonlyMap<number, Handler<DriveState>> = new Map([
  ...common,
  [0xa3, supportedOperations(common.map(([opcode]) => opcode))],
])
