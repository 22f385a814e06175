import { byteAt, fieldsOf, numberAt, putNumber } from '../../scsi/bytes.js'
import { decodeModeParameters } from '../../scsi/index.js'
import { type DriveState, flushBuffer } from './drive-state.js'
import {
  controlPage,
  modeAnswer,
  pagesOf,
  type SimulatedPage,
  tgtdControlExtension,
  tgtdZeroPage,
} from './mode-answer.js'
import { check, conditions, good, type Handler } from './outcome.js'

const densityOfLto5 = 0x58

/** MODE SENSE(6) and (10) of a drive. SSC-4, 8.3. */
export const driveModeSense: Handler<DriveState> = (drive, { cdb }) => {
  const isTgtd = drive.settings.quirks.has('mode-of-tgtd')
  const hasDescriptor = (byteAt(cdb, 1) & 0x08) === 0
  const protection = drive.cartridge?.isWriteProtected === true && drive.isLoaded ? 0x80 : 0
  const descriptor = fieldsOf(8, (view) => {
    view.setUint8(0, isTgtd ? 0 : densityOfLto5)
    putNumber(view, 5, 3, drive.blockLengthBytes)
  })
  return modeAnswer(cdb, isTgtd ? tgtdPages : ltoPages(drive), {
    deviceParameter: protection | (drive.bufferedMode << 4),
    descriptor: hasDescriptor ? descriptor : new Uint8Array(),
  })
}

function ltoPages(drive: DriveState): readonly SimulatedPage[] {
  const isWorm = drive.cartridge?.kind === 'worm' && drive.isLoaded
  const compression = drive.isCompressing ? 0xc0 : 0x40
  return [
    ...pagesOf([
      [0x01, new Uint8Array(10)],
      [0x02, new Uint8Array(14)],
    ]),
    controlPage,
    ...pagesOf([
      [0x0f, Uint8Array.of(compression, 0x80, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0)],
      [0x10, Uint8Array.of(0, 0, 0, 0, 0, 0, 0x01, 0, 0x18, 0, 0, 0, drive.isCompressing ? 1 : 0, 0)],
      [0x11, Uint8Array.of(1, 0, 0, 3, 0, 0)],
      [0x1c, new Uint8Array(10)],
      [0x1d, Uint8Array.of(isWorm ? 1 : 0, 0, 1, 2, ...new Uint8Array(26))],
    ]),
  ]
}

const tgtdPages: readonly SimulatedPage[] = [
  tgtdZeroPage,
  ...pagesOf([
    [0x01, Uint8Array.of(0, 8, 0, 0, 0, 0, 8, 0, 0, 0)],
    [0x02, Uint8Array.of(0x80, 0x80, 0, 10, ...new Uint8Array(10))],
  ]),
  controlPage,
  tgtdControlExtension,
  ...pagesOf([
    [0x0f, new Uint8Array(14)],
    [0x10, Uint8Array.of(0, 0, 0, 0x80, 0x80, ...new Uint8Array(9))],
    [0x1c, Uint8Array.of(8, ...new Uint8Array(9))],
    [0x1d, Uint8Array.of(1, ...new Uint8Array(29))],
  ]),
]

/** MODE SELECT(6) and (10) of a drive: buffered mode, block length, compression. SSC-4, 8.3. */
export const driveModeSelect: Handler<DriveState> = (drive, { cdb, dataOut = new Uint8Array() }) => {
  const isLong = byteAt(cdb, 0) === 0x55
  if (isLong && !drive.settings.supports.longModeSelect) return check(conditions.unsupported)
  if ((byteAt(cdb, 1) & 0x10) === 0) return check(conditions.invalidField)
  const listBytes = isLong ? numberAt(cdb, 7, 2) : byteAt(cdb, 4)
  const list = Uint8Array.from(dataOut.subarray(0, listBytes))
  if (list.length === 0) return good()
  // The length field is reserved here, and means all of it when it is read back.
  if (isLong) list.set([(list.length - 2) >> 8, (list.length - 2) & 0xff])
  else list[0] = list.length - 1
  if (list.length < (isLong ? 8 : 4)) return check({ key: 0x5, additional: 0x1a00 })
  const parameters = decodeModeParameters(list, isLong ? 10 : 6)
  const isTgtd = drive.settings.quirks.has('mode-of-tgtd')
  if (isTgtd && parameters.pages.length > 0) return check(conditions.invalidParameter)
  if (parameters.pages.some((page) => page.code !== 0x0f && page.code !== 0x10))
    return check(conditions.invalidParameter)
  flushBuffer(drive)
  if (!isTgtd) drive.bufferedMode = parameters.bufferedMode
  if (parameters.blockDescriptor !== undefined) drive.blockLengthBytes = parameters.blockDescriptor.blockLengthBytes
  const compression = parameters.pages.find((page) => page.code === 0x0f)
  if (compression !== undefined) drive.isCompressing = (byteAt(compression.content, 0) & 0x80) !== 0
  return good()
}
