import { fieldsOf, putNumber } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { ScsiError } from '../scsi-error.js'
import type { Sense } from '../sense/sense.js'
import { senseKey } from '../sense/sense-key.js'
import { commandTimeoutsMs } from '../timeouts.js'

const timeoutMs = commandTimeoutsMs.transfer
const largestCount = 2 ** 24 - 1

/** What a READ of one block met. */
export type ReadResult =
  | {
      readonly kind: 'block'
      /** They are at the beginning of the buffer. */
      readonly bytes: number
    }
  | {
      /** The block is longer than the buffer: what came is its beginning at best. The tape is behind the block. */
      readonly kind: 'longer-block'
      readonly blockBytes: number
    }
  /** The tape is behind the filemark. */
  | { readonly kind: 'filemark' }
  /** Nothing is recorded behind this place. The tape stays there. */
  | { readonly kind: 'end-of-data' }

/**
 * Reads one block of whatever length into a buffer. SSC-4, 6.4.
 *
 * Guarantee: how long the block is comes from the sense data; what the transport counted is believed only where it is less.
 *
 * @throws ScsiError `short-transfer` when the unit gave fewer bytes than the block has; `medium-error`, `encrypted`, …
 */
export async function readBlock(device: ScsiDevice, buffer: Uint8Array, options: CommandOptions): Promise<ReadResult> {
  const what = 'READ(6)'
  checkCount(buffer.length, what)
  const cdb = shortCdb(0x08, 0, buffer.length)
  const { data, sense } = await issue(device, { what, cdb, dataIn: buffer, timeoutMs }, options, isReadEnd)
  if (sense === undefined || sense.key === senseKey.recoveredError) return { kind: 'block', bytes: data.length }
  if (sense.filemark) return { kind: 'filemark' }
  if (sense.key === senseKey.blankCheck) return { kind: 'end-of-data' }
  const missing = sense.information
  if (missing === undefined)
    throw new ScsiError('unexpected', what, { sense, detail: 'a wrong length without a number' })
  if (missing < 0) return { kind: 'longer-block', blockBytes: buffer.length - missing }
  const bytes = buffer.length - missing
  if (bytes < 0) throw new ScsiError('malformed', what, { sense, detail: 'more is missing than was asked for' })
  if (data.length < bytes)
    throw new ScsiError('short-transfer', what, { sense, detail: `${data.length} of ${bytes} bytes` })
  return { kind: 'block', bytes }
}

function isReadEnd(sense: Sense): boolean {
  if (sense.key === senseKey.blankCheck) return true
  return sense.key === senseKey.noSense && (sense.filemark || sense.incorrectLength)
}

/** What a READ of several blocks of one length met. */
export interface ReadBlocksResult {
  /** Blocks that came whole; they are at the beginning of the buffer. */
  readonly blocks: number
  /** Why there are no more of them. */
  readonly stoppedBy: 'nothing' | 'filemark' | 'end-of-data' | 'other-length'
}

/**
 * Reads blocks of the length that MODE SELECT set. SSC-4, 6.4.
 *
 * @throws ScsiError `invalid` when the buffer is no multiple of the length; `medium-error`, …
 */
export async function readBlocks(
  device: ScsiDevice,
  buffer: Uint8Array,
  blockBytes: number,
  options: CommandOptions,
): Promise<ReadBlocksResult> {
  const what = 'READ(6)'
  const count = wholeBlocks(buffer, blockBytes, what)
  const cdb = shortCdb(0x08, 1, count)
  const { data, sense } = await issue(device, { what, cdb, dataIn: buffer, timeoutMs }, options, isReadEnd)
  if (sense === undefined || sense.key === senseKey.recoveredError) {
    if (data.length < buffer.length) throw new ScsiError('short-transfer', what, { sense })
    return { blocks: count, stoppedBy: 'nothing' }
  }
  const missing = sense.information
  if (missing === undefined || missing < 0 || missing > count) {
    // Some drives give no number at the end of the data.
    if (sense.key === senseKey.blankCheck && missing === undefined) return { blocks: 0, stoppedBy: 'end-of-data' }
    throw new ScsiError('unexpected', what, { sense, detail: 'the count of missing blocks has no meaning' })
  }
  const blocks = count - missing
  if (data.length < blocks * blockBytes) throw new ScsiError('short-transfer', what, { sense })
  if (sense.filemark) return { blocks, stoppedBy: 'filemark' }
  return { blocks, stoppedBy: sense.key === senseKey.blankCheck ? 'end-of-data' : 'other-length' }
}

/** What a WRITE says beside that it is done. */
export interface WriteResult {
  /** The end is near: what was sent is taken, and little more will be. Write what closes the tape, and go on elsewhere. */
  readonly earlyWarning: boolean
}

/**
 * Writes one block; it is in the drive's buffer when this returns, and on the tape after the next flush. SSC-4, 6.20.
 *
 * @throws ScsiError `volume-overflow` when the tape is full: the block is not on it; `write-protected`, `worm`, `medium-error`,
 *   `deferred-error` when blocks that were taken before cannot be written
 */
export async function writeBlock(device: ScsiDevice, block: Uint8Array, options: CommandOptions): Promise<WriteResult> {
  const what = 'WRITE(6)'
  checkCount(block.length, what)
  if (block.length === 0) throw new ScsiError('invalid', what, { detail: 'a block has at least one byte' })
  return await write(device, shortCdb(0x0a, 0, block.length), block, what, options)
}

/** Writes blocks of the length that MODE SELECT set. SSC-4, 6.20. @throws ScsiError as `writeBlock` does, and `invalid` */
export async function writeBlocks(
  device: ScsiDevice,
  blocks: Uint8Array,
  blockBytes: number,
  options: CommandOptions,
): Promise<WriteResult> {
  const what = 'WRITE(6)'
  const count = wholeBlocks(blocks, blockBytes, what)
  return await write(device, shortCdb(0x0a, 1, count), blocks, what, options)
}

async function write(
  device: ScsiDevice,
  cdb: Uint8Array,
  dataOut: Uint8Array,
  what: string,
  options: CommandOptions,
): Promise<WriteResult> {
  const { sense } = await issue(device, { what, cdb, dataOut, timeoutMs }, options, isEarlyWarning)
  return { earlyWarning: sense !== undefined && isEarlyWarning(sense) }
}

/**
 * Tells the early warning from an error: key 0 with the EOM bit, and nothing is missing. SSC-4, 4.2.6.
 *
 * A programmable early warning has the additional sense 00/07 and no EOM bit; it is one too.
 */
export function isEarlyWarning(sense: Sense): boolean {
  const isNear = sense.endOfMedium || (sense.asc === 0 && sense.ascq === 0x07)
  const isQuiet = sense.key === senseKey.noSense || sense.key === senseKey.recoveredError
  return isQuiet && isNear && !sense.filemark && !sense.incorrectLength && (sense.information ?? 0) === 0
}

/** Makes a command of 6 bytes with a count of three bytes; of a negative one its two's complement. */
export function shortCdb(opcode: number, flags: number, count: number): Uint8Array {
  return fieldsOf(6, (view) => {
    view.setUint8(0, opcode)
    view.setUint8(1, flags)
    putNumber(view, 2, 3, count)
  })
}

function wholeBlocks(bytes: Uint8Array, blockBytes: number, what: string): number {
  const count = bytes.length / blockBytes
  if (!Number.isInteger(count) || count < 1)
    throw new ScsiError('invalid', what, { detail: 'the buffer is no multiple of the block length' })
  checkCount(count, what)
  return count
}

function checkCount(count: number, what: string): void {
  if (count > largestCount) throw new ScsiError('invalid', what, { detail: 'more than 16777215 at once' })
}
