import { byteAt, fieldsOf, numberAt, putNumber, putSize, viewOf } from '../../scsi/bytes.js'
import { type Cartridge, sizeOnTape, type TapeObject } from './cartridge.js'
import { type DriveState, moveTo, overheadOf } from './drive-state.js'
import { check, conditions, good, type Handler, type Outcome } from './outcome.js'
import { whenReady } from './stream-write.js'

/** REWIND. SSC-4, 6.16. */
export const rewind: Handler<DriveState> = (drive) =>
  whenReady(drive, (cartridge) => {
    drive.counters.rewinds += 1
    moveTo(drive, cartridge.objects, 0)
    return good()
  })

/** SPACE(6) and SPACE(16). SSC-4, 6.19 and 7.7. */
export const space: Handler<DriveState> = (drive, { cdb }) => {
  const isLong = byteAt(cdb, 0) === 0x91
  if (isLong && !drive.settings.supports.longSpace) return check(conditions.unsupported)
  return whenReady(drive, (cartridge) => {
    const count = isLong ? Number(viewOf(cdb).getBigInt64(4)) : signedCount(cdb)
    const { objects } = cartridge
    switch (byteAt(cdb, 1) & 0xf) {
      case 0x00:
        drive.counters.spaces += 1
        return drive.settings.quirks.has('space-crosses-filemarks')
          ? crossBlocks(drive, objects, count)
          : spaceBlocks(drive, objects, count)
      case 0x01:
        drive.counters.spaces += 1
        return count < 0 && drive.settings.quirks.has('space-filemarks-back-too-far')
          ? backTooFar(drive, objects, -count)
          : spaceFilemarks(drive, objects, count)
      case 0x03:
        drive.counters.spaces += 1
        moveTo(drive, objects, objects.length)
        return good()
      default:
        return check(conditions.invalidField)
    }
  })
}

function signedCount(cdb: Uint8Array): number {
  const count = numberAt(cdb, 2, 3)
  return count >= 2 ** 23 ? count - 2 ** 24 : count
}

function stop(drive: DriveState, additional: 0x0001 | 0x0004 | 0x0005, information: number): Outcome {
  if (drive.settings.quirks.has('ends-without-key') && additional !== 0x0001) return check({ key: 0x0, additional })
  if (additional === 0x0001) return check({ key: 0x0, additional, filemark: true, information })
  if (additional === 0x0005) return check({ key: 0x8, additional, information })
  return check({ key: 0x0, additional, endOfMedium: true, information })
}

function spaceBlocks(drive: DriveState, objects: readonly TapeObject[], count: number): Outcome {
  const step = Math.sign(count)
  let at = drive.position
  for (let left = Math.abs(count); left > 0; left -= 1) {
    const next = step > 0 ? objects[at] : objects[at - 1]
    if (next === undefined) {
      moveTo(drive, objects, at)
      return stop(drive, step > 0 ? 0x0005 : 0x0004, left)
    }
    at += step
    if (next.kind !== 'filemark') continue
    moveTo(drive, objects, at)
    return stop(drive, 0x0001, left)
  }
  moveTo(drive, objects, at)
  return good()
}

function spaceFilemarks(drive: DriveState, objects: readonly TapeObject[], count: number): Outcome {
  const step = Math.sign(count)
  let at = drive.position
  for (let left = Math.abs(count); left > 0; ) {
    const next = step > 0 ? objects[at] : objects[at - 1]
    if (next === undefined) {
      moveTo(drive, objects, at)
      return stop(drive, step > 0 ? 0x0005 : 0x0004, left)
    }
    at += step
    if (next.kind === 'filemark') left -= 1
  }
  moveTo(drive, objects, at)
  return good()
}

/** As tgtd does: every object counts, the last step onto the end of the data is an error, and the beginning is none. */
function crossBlocks(drive: DriveState, objects: readonly TapeObject[], count: number): Outcome {
  const target = Math.max(0, drive.position + count)
  const isPastEnd = count > 0 && target >= objects.length
  moveTo(drive, objects, Math.min(target, objects.length))
  return isPastEnd ? stop(drive, 0x0005, 0) : good()
}

/** As tgtd does: it steps back once more after the last filemark, if it can. */
function backTooFar(drive: DriveState, objects: readonly TapeObject[], count: number): Outcome {
  let at = drive.position
  for (let left = count; left > 0; at = Math.max(0, at - 1)) {
    if (at === 0) {
      moveTo(drive, objects, 0)
      return stop(drive, 0x0004, left)
    }
    if (objects[at]?.kind === 'filemark') left -= 1
  }
  moveTo(drive, objects, at)
  return good()
}

/** LOCATE(10) and LOCATE(16). SSC-4, 6.3 and 7.3. */
export const locate: Handler<DriveState> = (drive, { cdb }) => {
  if (!drive.settings.supports.locate) return check(conditions.unsupported)
  return whenReady(drive, (cartridge) => {
    const isLong = byteAt(cdb, 0) === 0x92
    const target = isLong ? Number(viewOf(cdb).getBigUint64(4)) : numberAt(cdb, 3, 4)
    const destination = isLong ? (byteAt(cdb, 1) >> 3) & 7 : 0
    const changesPartition = (byteAt(cdb, 1) & 2) === 2
    if (changesPartition && byteAt(cdb, isLong ? 3 : 8) !== 0) return check(conditions.invalidField)
    drive.counters.locates += 1
    return goTo(drive, cartridge, destination, target)
  })
}

function goTo(drive: DriveState, { objects }: Cartridge, destination: number, target: number): Outcome {
  if (destination === 3) {
    moveTo(drive, objects, objects.length)
    return good()
  }
  if (destination !== 0 && destination !== 1) return check(conditions.invalidField)
  const position = destination === 0 ? target : beginningOfFile(objects, target)
  if (position > objects.length) {
    moveTo(drive, objects, objects.length)
    return check({ key: 0x8, additional: 0x0005 })
  }
  moveTo(drive, objects, position)
  return good()
}

function beginningOfFile(objects: readonly TapeObject[], file: number): number {
  let left = file
  for (const [index, object] of objects.entries()) {
    if (left === 0) return index
    if (object.kind === 'filemark') left -= 1
  }
  return left === 0 ? objects.length : Number.POSITIVE_INFINITY
}

/** READ POSITION. SSC-4, 7.6. */
export const readPosition: Handler<DriveState> = (drive, { cdb }) => {
  const action = byteAt(cdb, 1) & 0x1f
  if (drive.settings.quirks.has('position-unknown')) return tgtdPosition(action)
  if (action === 0x08 && !drive.settings.supports.extendedPosition) return check(conditions.invalidField)
  return whenReady(drive, (cartridge) => {
    if (action === 0x00) return good(shortPosition(drive, cartridge))
    if (action === 0x06) return good(longPosition(drive, cartridge))
    return action === 0x08 ? good(extendedPosition(drive, cartridge)) : check(conditions.invalidField)
  })
}

/** tgtd writes the length of the answer where the flags are. */
function tgtdPosition(action: number): Outcome {
  if (action > 1 && action !== 6) return { ...check(conditions.invalidField), countedBytes: Number.MAX_SAFE_INTEGER }
  const lengthBytes = action === 6 ? 32 : 20
  return good(fieldsOf(lengthBytes, (view) => view.setUint8(0, lengthBytes)))
}

function flagsOf(drive: DriveState, { usedBytes, sizeBytes, earlyWarningBytes }: Cartridge): number {
  const warnsAt = sizeBytes - earlyWarningBytes
  const isAtEnd = drive.cartridge?.objects.length === drive.position
  const programmable = drive.settings.programmableEarlyWarningBytes
  return (
    (drive.position === 0 ? 0x80 : 0) |
    (isAtEnd && usedBytes > warnsAt ? 0x40 : 0) |
    (programmable > 0 && isAtEnd && usedBytes > warnsAt - programmable ? 0x01 : 0)
  )
}

function buffered(drive: DriveState, { objects, flushedObjects }: Cartridge): { first: number; bytes: number } {
  const first = Math.min(flushedObjects, drive.position)
  const waiting = objects.slice(first, drive.position)
  return { first, bytes: waiting.reduce((sum, object) => sum + sizeOnTape(object, overheadOf(drive)), 0) }
}

function shortPosition(drive: DriveState, cartridge: Cartridge): Uint8Array {
  const { first, bytes } = buffered(drive, cartridge)
  return fieldsOf(20, (view) => {
    view.setUint8(0, flagsOf(drive, cartridge))
    view.setUint32(4, drive.position)
    view.setUint32(8, first)
    putNumber(view, 13, 3, drive.position - first)
    view.setUint32(16, bytes)
  })
}

function longPosition(drive: DriveState, cartridge: Cartridge): Uint8Array {
  const files = cartridge.objects.slice(0, drive.position).filter((object) => object.kind === 'filemark').length
  return fieldsOf(32, (view) => {
    view.setUint8(0, flagsOf(drive, cartridge))
    putSize(view, 8, drive.position)
    putSize(view, 16, files)
  })
}

function extendedPosition(drive: DriveState, cartridge: Cartridge): Uint8Array {
  const { first, bytes } = buffered(drive, cartridge)
  return fieldsOf(32, (view) => {
    view.setUint8(0, flagsOf(drive, cartridge))
    view.setUint16(2, 28)
    putNumber(view, 5, 3, drive.position - first)
    putSize(view, 8, drive.position)
    putSize(view, 16, first)
    putSize(view, 24, bytes)
  })
}
