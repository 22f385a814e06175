import { byteAt, numberAt } from '../../scsi/bytes.js'
import { lengthOf } from './block-store.js'
import type { Cartridge, TapeObject } from './cartridge.js'
import { type DriveState, streamOn } from './drive-state.js'
import { check, conditions, good, type Handler, type Outcome } from './outcome.js'
import { whenReady } from './stream-write.js'

/** READ(6). SSC-4, 6.4. */
export const read: Handler<DriveState> = (drive, { cdb }) =>
  whenReady(drive, (cartridge) => {
    const isFixed = (byteAt(cdb, 1) & 1) === 1
    const isSilent = (byteAt(cdb, 1) & 2) === 2
    const count = numberAt(cdb, 2, 3)
    if (isFixed && isSilent) return counted(drive, check(conditions.invalidField))
    if (count === 0) return good()
    streamOn(drive, 'reading')
    if (isFixed) return readFixed(drive, cartridge, count)
    const outcome = readVariable(drive, cartridge, count, isSilent)
    drive.counters.bytesRead += outcome.data.length
    cartridge.readBytes += outcome.data.length
    return outcome
  })

function readVariable(drive: DriveState, cartridge: Cartridge, length: number, isSilent: boolean): Outcome {
  const object = cartridge.objects[drive.position]
  const end = endAt(drive, object, length)
  if (end !== undefined) return end
  if (object?.kind !== 'block') return check(conditions.hardware)
  drive.position += 1
  const bytes = drive.store.get(object.block)
  const difference = length - bytes.length
  if (difference === 0) return good(bytes)
  const quirks = drive.settings.quirks
  const wrongLength = { key: 0x0, additional: 0x0000, incorrectLength: true, information: difference }
  if (quirks.has('read-gives-remainder')) {
    const given = new Uint8Array(Math.max(0, difference))
    given.set(bytes.subarray(0, given.length))
    return check(wrongLength, given)
  }
  const data = bytes.subarray(0, length)
  const isQuiet = isSilent && (difference > 0 || drive.blockLengthBytes === 0)
  return isQuiet ? good(data) : check(wrongLength, data)
}

function readFixed(drive: DriveState, cartridge: Cartridge, count: number): Outcome {
  const blockBytes = drive.blockLengthBytes
  const isMediumError = drive.settings.quirks.has('fixed-wrong-length-is-medium-error')
  if (blockBytes === 0 && !isMediumError) return check(conditions.invalidField)
  const parts: Uint8Array[] = []
  const stopped = fillFixed(drive, cartridge, count, blockBytes, parts)
  const data = new Uint8Array(parts.length * blockBytes)
  parts.forEach((part, index) => {
    data.set(part, index * blockBytes)
  })
  drive.counters.bytesRead += data.length
  cartridge.readBytes += data.length
  return stopped === undefined ? good(data) : { ...stopped, data }
}

function fillFixed(
  drive: DriveState,
  { objects }: Cartridge,
  count: number,
  blockBytes: number,
  parts: Uint8Array[],
): Outcome | undefined {
  while (parts.length < count) {
    const missing = count - parts.length
    const object = objects[drive.position]
    const end = endAt(drive, object, missing)
    if (end !== undefined) return end
    if (object?.kind !== 'block') return check(conditions.hardware)
    if (lengthOf(object.block) !== blockBytes) {
      if (drive.settings.quirks.has('fixed-wrong-length-is-medium-error'))
        return counted(drive, check({ key: 0x3, additional: 0x3100 }))
      drive.position += 1
      return check({ key: 0x0, additional: 0x0000, incorrectLength: true, information: missing })
    }
    drive.position += 1
    parts.push(drive.store.get(object.block))
  }
  return
}

/** What a READ answers that meets something else than a readable block. */
function endAt(drive: DriveState, object: TapeObject | undefined, missing: number): Outcome | undefined {
  if (object === undefined) {
    const isBare = drive.settings.quirks.has('blank-check-with-eom')
    const blank = { key: 0x8, additional: 0x0005, information: missing }
    return counted(drive, check(isBare ? { key: 0x8, additional: 0x0000, endOfMedium: true } : blank))
  }
  if (object.kind === 'filemark') {
    drive.position += 1
    return counted(drive, check({ key: 0x0, additional: 0x0001, filemark: true, information: missing }))
  }
  if (!object.isUnreadable) return
  drive.position += 1
  return check({ ...conditions.unreadable, information: missing })
}

function counted(drive: DriveState, outcome: Outcome): Outcome {
  if (!drive.settings.quirks.has('read-counts-whole-buffer')) return outcome
  return { ...outcome, countedBytes: Number.MAX_SAFE_INTEGER }
}
