import { fieldsOf, putSize } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { ScsiError } from '../scsi-error.js'
import { commandTimeoutsMs } from '../timeouts.js'

/** A place of a tape. */
export type LocateTarget =
  /** The logical object, block or filemark, with this number; the first one of a partition is 0. */
  | { readonly object: number }
  /** The beginning of this file: behind so many filemarks. SSC-4 only: LOCATE(16). */
  | { readonly file: number }
  | 'end-of-data'

/** How LOCATE is sent. */
export interface LocateOptions extends CommandOptions {
  /** @defaultValue 16; 10 knows objects below 2^32 only, and older drives know 10 only */
  readonly form?: 10 | 16
  /** Goes to a partition on the way. @defaultValue the current one */
  readonly partition?: number
}

/**
 * Moves the tape to a place. SSC-4, 6.3 and 7.3.
 *
 * @throws ScsiError `blank` when the place is behind the end of the data; `unsupported` when the drive cannot locate
 */
export async function locate(device: ScsiDevice, target: LocateTarget, options: LocateOptions): Promise<void> {
  const { form = 16, partition, ...rest } = options
  const what = `LOCATE(${form})`
  const place = target === 'end-of-data' ? 0 : 'object' in target ? target.object : target.file
  if (!Number.isSafeInteger(place) || place < 0) throw new ScsiError('invalid', what, { detail: 'a place is a number' })
  const isObject = target !== 'end-of-data' && 'object' in target
  if (form === 10 && (!isObject || place >= 2 ** 32))
    throw new ScsiError('invalid', what, { detail: 'this form knows objects below 2^32 only' })
  const cdb = form === 10 ? shortForm(place, partition) : longForm(place, partition, destinationOf(target))
  await issue(device, { what, cdb, timeoutMs: commandTimeoutsMs.position }, rest)
}

function destinationOf(target: LocateTarget): number {
  if (target === 'end-of-data') return 3
  return 'object' in target ? 0 : 1
}

const changesPartition = 0x02

function shortForm(place: number, partition: number | undefined): Uint8Array {
  return fieldsOf(10, (view) => {
    view.setUint8(0, 0x2b)
    view.setUint8(1, partition === undefined ? 0 : changesPartition)
    view.setUint32(3, place)
    view.setUint8(8, partition ?? 0)
  })
}

function longForm(place: number, partition: number | undefined, destination: number): Uint8Array {
  return fieldsOf(16, (view) => {
    view.setUint8(0, 0x92)
    view.setUint8(1, (destination << 3) | (partition === undefined ? 0 : changesPartition))
    view.setUint8(3, partition ?? 0)
    putSize(view, 4, place)
  })
}
