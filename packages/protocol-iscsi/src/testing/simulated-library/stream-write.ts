import { byteAt, numberAt } from '../../scsi/bytes.js'
import { append, type Cartridge, isAppendPlace, sizeOnTape, type TapeObject, truncate } from './cartridge.js'
import { type DriveState, flushBuffer, overheadOf, streamOn, unreadiness } from './drive-state.js'
import { type Condition, check, conditions, good, type Handler, type Outcome } from './outcome.js'

/** WRITE(6). SSC-4, 6.20. */
export const write: Handler<DriveState> = (drive, { cdb, dataOut }) => {
  const refusal = unreadiness(drive) ?? writeRefusal(drive)
  if (refusal !== undefined) return check(refusal)
  const isFixed = (byteAt(cdb, 1) & 1) === 1
  const count = numberAt(cdb, 2, 3)
  const data = dataOut ?? new Uint8Array()
  const blockBytes = isFixed ? drive.blockLengthBytes : count
  const blocks = isFixed ? count : count === 0 ? 0 : 1
  if (isFixed && blockBytes === 0)
    return check(drive.settings.quirks.has('mode-of-tgtd') ? { key: 0x3, additional: 0x0c00 } : conditions.invalidField)
  if (data.length < blocks * blockBytes) return check({ key: 0xb, additional: 0x4b00 })
  let warning: Condition | undefined
  for (let index = 0; index < blocks; index += 1) {
    const bytes = data.subarray(index * blockBytes, (index + 1) * blockBytes)
    const object = { kind: 'block', block: drive.store.put(bytes), isUnreadable: false } as const
    const missing = isFixed ? blocks - index : count
    const found = put(drive, object, missing)
    if (found?.key === 0x0d) return check(found)
    warning = found ?? warning
    drive.counters.bytesWritten += bytes.length
  }
  if (drive.bufferedMode === 0) flushBuffer(drive)
  return warning === undefined ? good() : check(warning)
}

/** WRITE FILEMARKS(6); without the immediate bit all that was written is on the tape then. SSC-4, 6.21. */
export const writeFilemarks: Handler<DriveState> = (drive, { cdb }) => {
  const count = numberAt(cdb, 2, 3)
  const refusal = unreadiness(drive) ?? (count === 0 ? undefined : writeRefusal(drive))
  if (refusal !== undefined) return check(refusal)
  const isImmediate = (byteAt(cdb, 1) & 1) === 1
  let warning: Condition | undefined
  for (let index = 0; index < count; index += 1) {
    const found = put(drive, { kind: 'filemark' }, count - index)
    if (found?.key === 0x0d) return check(found)
    warning = found ?? warning
  }
  if (!isImmediate) flushBuffer(drive)
  // tgtd warns of blocks only.
  return warning === undefined || drive.settings.quirks.has('endless-writes') ? good() : check(warning)
}

/** ERASE(6): nothing is behind this place any more. SSC-4, 6.2. */
export const erase: Handler<DriveState> = (drive) => {
  if (!drive.settings.supports.erase) return check(conditions.unsupported)
  const refusal = unreadiness(drive) ?? writeRefusal(drive)
  const { cartridge } = drive
  if (refusal !== undefined || cartridge === undefined) return check(refusal ?? conditions.noMedium)
  if (cartridge.kind === 'worm') return check(conditions.wormProtected)
  truncate(cartridge, drive.position, overheadOf(drive))
  flushBuffer(drive)
  return good()
}

function writeRefusal({ cartridge, position }: DriveState): Condition | undefined {
  if (cartridge?.isWriteProtected === true) return conditions.writeProtected
  if (cartridge?.kind === 'worm' && !isAppendPlace(cartridge, position)) return conditions.wormProtected
  return
}

/** Writes one object; what was behind it is gone. Returns a warning, or why it was not written. */
function put(drive: DriveState, object: TapeObject, missing: number): Condition | undefined {
  const { cartridge } = drive
  if (cartridge === undefined) return conditions.noMedium
  streamOn(drive, 'writing')
  const overhead = overheadOf(drive)
  truncate(cartridge, drive.position, overhead)
  const isEndless = drive.settings.quirks.has('endless-writes')
  const needed = sizeOnTape(object, overhead)
  if (!isEndless && cartridge.usedBytes + needed > cartridge.sizeBytes)
    return { key: 0xd, additional: 0x0002, endOfMedium: true, information: missing }
  append(cartridge, object, overhead)
  cartridge.writtenBytes += needed
  drive.position += 1
  if (isEndless) return cartridge.usedBytes > cartridge.sizeBytes ? endlessWarning : undefined
  return warningOf(drive, cartridge)
}

const endlessWarning: Condition = { key: 0x0, additional: 0x0000, endOfMedium: true }
const earlyWarning: Condition = { key: 0x0, additional: 0x0002, endOfMedium: true, information: 0 }
const programmableWarning: Condition = { key: 0x0, additional: 0x0007 }

function warningOf(drive: DriveState, { usedBytes, sizeBytes, earlyWarningBytes }: Cartridge): Condition | undefined {
  const warnsAt = sizeBytes - earlyWarningBytes
  if (usedBytes > warnsAt) return earlyWarning
  const programmable = drive.settings.programmableEarlyWarningBytes
  if (programmable === 0 || drive.hasWarned || usedBytes <= warnsAt - programmable) return
  drive.hasWarned = true
  return programmableWarning
}

/** The answer of commands that a loaded cartridge is needed for, and nothing else. */
export function whenReady(drive: DriveState, answer: (cartridge: Cartridge) => Outcome): Outcome {
  const refusal = unreadiness(drive)
  if (refusal !== undefined || drive.cartridge === undefined) return check(refusal ?? conditions.noMedium)
  return answer(drive.cartridge)
}
