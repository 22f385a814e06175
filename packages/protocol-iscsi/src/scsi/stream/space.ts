import { fieldsOf, putSize } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { ScsiError } from '../scsi-error.js'
import type { Sense } from '../sense/sense.js'
import { senseKey } from '../sense/sense-key.js'
import { commandTimeoutsMs } from '../timeouts.js'
import { shortCdb } from './read-write.js'

const timeoutMs = commandTimeoutsMs.position

/** How far a SPACE came. */
export interface SpaceResult {
  /** What was in the way; the tape is behind a filemark that it moved over, at the beginning, or at the end of the data. */
  readonly stoppedBy: 'nothing' | 'filemark' | 'end-of-data' | 'beginning'
  /** What is left of the count, without a sign; undefined when the drive does not say. */
  readonly remaining: number | undefined
}

/** How SPACE is sent. */
export interface SpaceOptions extends CommandOptions {
  /** The form with 16 bytes takes counts above 8388607. @defaultValue 6 where the count fits */
  readonly form?: 6 | 16
}

/** Moves over blocks, backwards with a negative count; stops behind a filemark. SSC-4, 6.19 and 7.7. */
export async function spaceBlocks(device: ScsiDevice, count: number, options: SpaceOptions): Promise<SpaceResult> {
  return await space(device, 0x00, count, options)
}

/** Moves over filemarks, backwards with a negative count: then the tape is before the last one. SSC-4, 6.19 and 7.7. */
export async function spaceFilemarks(device: ScsiDevice, count: number, options: SpaceOptions): Promise<SpaceResult> {
  return await space(device, 0x01, count, options)
}

/** Moves to the end of the data, where appending begins. */
export async function spaceToEndOfData(device: ScsiDevice, options: CommandOptions): Promise<void> {
  await issue(device, { what: 'SPACE(6)', cdb: shortCdb(0x11, 0x03, 0), timeoutMs }, options)
}

async function space(device: ScsiDevice, code: number, count: number, options: SpaceOptions): Promise<SpaceResult> {
  if (!Number.isSafeInteger(count)) throw new ScsiError('invalid', 'SPACE', { detail: 'a count is a whole number' })
  const { form = count >= -(2 ** 23) && count < 2 ** 23 ? 6 : 16, ...rest } = options
  const what = `SPACE(${form})`
  if (form === 6 && (count < -(2 ** 23) || count >= 2 ** 23))
    throw new ScsiError('invalid', what, { detail: 'the count does not fit into three bytes' })
  const cdb = form === 6 ? shortCdb(0x11, code, count) : longCdb(code, count)
  const { sense } = await issue(device, { what, cdb, timeoutMs }, rest, isSpaceEnd)
  if (sense === undefined || sense.key === senseKey.recoveredError) return { stoppedBy: 'nothing', remaining: 0 }
  const remaining = sense.information === undefined ? undefined : Math.abs(sense.information)
  return { stoppedBy: stopOf(sense), remaining }
}

function longCdb(code: number, count: number): Uint8Array {
  return fieldsOf(16, (view) => {
    view.setUint8(0, 0x91)
    view.setUint8(1, code)
    putSize(view, 4, count)
  })
}

function isSpaceEnd(sense: Sense): boolean {
  if (sense.key === senseKey.blankCheck) return true
  return sense.key === senseKey.noSense && (sense.filemark || sense.endOfMedium || isPlace(sense))
}

/** Additional senses 00/01, 00/04 and 00/05 are places; tgtd gives the last two without a key and without a flag. */
function isPlace({ asc, ascq }: Sense): boolean {
  return asc === 0 && (ascq === 0x01 || ascq === 0x04 || ascq === 0x05)
}

function stopOf(sense: Sense): SpaceResult['stoppedBy'] {
  if (sense.filemark || (sense.asc === 0 && sense.ascq === 0x01)) return 'filemark'
  if (sense.key === senseKey.blankCheck || (sense.asc === 0 && sense.ascq === 0x05)) return 'end-of-data'
  return 'beginning'
}
