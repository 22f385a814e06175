import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { ScsiError } from '../scsi-error.js'
import { commandTimeoutsMs } from '../timeouts.js'
import { isEarlyWarning, shortCdb, type WriteResult } from './read-write.js'

/** How filemarks are written. */
export interface FilemarkOptions extends CommandOptions {
  /**
   * Answers when the filemarks are in the drive's buffer: the tape goes on streaming, and nothing is flushed.
   *
   * @defaultValue false: all that was written before is on the tape when this returns
   */
  readonly immediate?: boolean
}

/**
 * Writes filemarks; none at all is a flush. SSC-4, 6.21.
 *
 * Guarantee: unless `immediate`, blocks and filemarks that were written before are on the tape.
 *
 * @throws ScsiError `medium-error`, `volume-overflow`, `deferred-error`: what was written since the last flush may be lost
 */
export async function writeFilemarks(
  device: ScsiDevice,
  count: number,
  options: FilemarkOptions,
): Promise<WriteResult> {
  const { immediate = false, ...rest } = options
  const what = 'WRITE FILEMARKS(6)'
  if (!Number.isInteger(count) || count < 0 || count >= 2 ** 24)
    throw new ScsiError('invalid', what, { detail: 'a count is from 0 to 16777215' })
  const request = { what, cdb: shortCdb(0x10, immediate ? 1 : 0, count), timeoutMs: commandTimeoutsMs.transfer }
  const { sense } = await issue(device, request, rest, isEarlyWarning)
  return { earlyWarning: sense !== undefined && isEarlyWarning(sense) }
}

/** Brings all that was written on the tape; the tape stops. */
export async function flush(device: ScsiDevice, options: CommandOptions): Promise<WriteResult> {
  return await writeFilemarks(device, 0, options)
}
