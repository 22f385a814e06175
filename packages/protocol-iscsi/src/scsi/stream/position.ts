import { byteAt, fieldsOf, hasBits, numberAt, sizeAt } from '../bytes.js'
import { type CommandOptions, issue } from '../issue.js'
import type { ScsiDevice } from '../scsi-device.js'
import { malformed } from '../scsi-error.js'
import { commandTimeoutsMs } from '../timeouts.js'

/** Where the tape is. */
export interface TapePosition {
  /** Whether the drive knows it, and does not contradict itself; when not, the numbers below mean nothing. */
  readonly isKnown: boolean
  readonly partition: number
  /** The logical object that is read or written next; blocks and filemarks count alike, from 0. */
  readonly object: number
  /** Filemarks before this place; the long form alone tells. */
  readonly file: number | undefined
  readonly isBeginning: boolean
  /** Between the early warning and the end. */
  readonly isNearEnd: boolean
  /** Between the programmable early warning and the end. */
  readonly isNearProgrammedEnd: boolean
  /** The object that is brought to the tape next; those from it to `object` are in the buffer. The long form does not tell. */
  readonly firstBuffered: number | undefined
  /** What is in the buffer; undefined when the drive does not tell. */
  readonly bufferedObjects: number | undefined
  readonly bufferedBytes: number | undefined
}

/** Which of the three forms of the answer. */
export type PositionForm = 'short' | 'long' | 'extended'

const actions = { short: 0x00, long: 0x06, extended: 0x08 } as const

/** Asks where the tape is. SSC-4, 7.6. @throws ScsiError `unsupported` when the drive does not have this form */
export async function readPosition(
  device: ScsiDevice,
  form: PositionForm,
  options: CommandOptions,
): Promise<TapePosition> {
  const dataIn = new Uint8Array(form === 'short' ? 20 : 32)
  const cdb = fieldsOf(10, (view) => {
    view.setUint8(0, 0x34)
    view.setUint8(1, actions[form])
    // The other forms have a fixed length, and want zero here.
    if (form === 'extended') view.setUint16(7, dataIn.length)
  })
  const request = { what: 'READ POSITION', cdb, dataIn, timeoutMs: commandTimeoutsMs.inquiry }
  return decodePosition((await issue(device, request, options)).data, form)
}

/** Reads where the tape is. @throws ScsiError `malformed` when the answer is too short, or a number is above 2^53 - 1 */
export function decodePosition(bytes: Uint8Array, form: PositionForm): TapePosition {
  if (bytes.length < (form === 'short' ? 20 : 32)) throw malformed('READ POSITION', 'the answer is too short')
  const places = form === 'short' ? shortPlaces(bytes) : form === 'long' ? longPlaces(bytes) : extendedPlaces(bytes)
  const isBeginning = hasBits(bytes, 0, 0x80)
  // An answer that has the first object without being at the beginning, or bits that the form has not, is no answer: tgtd's.
  const contradicts = (places.object === 0 && !isBeginning) || (form === 'long' && hasBits(bytes, 0, 0x20))
  const isUnknown = hasBits(bytes, 0, 0x04) || (form === 'long' && hasBits(bytes, 0, 0x08))
  return {
    ...places,
    isKnown: !isUnknown && !contradicts,
    isBeginning,
    isNearEnd: hasBits(bytes, 0, 0x40),
    isNearProgrammedEnd: hasBits(bytes, 0, 0x01),
  }
}

type Places = Pick<
  TapePosition,
  'partition' | 'object' | 'file' | 'firstBuffered' | 'bufferedObjects' | 'bufferedBytes'
>

function shortPlaces(bytes: Uint8Array): Places {
  const knowsObjects = !hasBits(bytes, 0, 0x20)
  const knowsBytes = !hasBits(bytes, 0, 0x10)
  return {
    partition: byteAt(bytes, 1),
    object: numberAt(bytes, 4, 4),
    file: undefined,
    firstBuffered: numberAt(bytes, 8, 4),
    bufferedObjects: knowsObjects ? numberAt(bytes, 13, 3) : undefined,
    bufferedBytes: knowsBytes ? numberAt(bytes, 16, 4) : undefined,
  }
}

function longPlaces(bytes: Uint8Array): Places {
  return {
    partition: numberAt(bytes, 4, 4),
    object: exact(bytes, 8),
    file: exact(bytes, 16),
    firstBuffered: undefined,
    bufferedObjects: undefined,
    bufferedBytes: undefined,
  }
}

function extendedPlaces(bytes: Uint8Array): Places {
  const knowsObjects = !hasBits(bytes, 0, 0x20)
  const knowsBytes = !hasBits(bytes, 0, 0x10)
  return {
    partition: byteAt(bytes, 1),
    object: exact(bytes, 8),
    file: undefined,
    firstBuffered: exact(bytes, 16),
    bufferedObjects: knowsObjects ? numberAt(bytes, 5, 3) : undefined,
    bufferedBytes: knowsBytes ? exact(bytes, 24) : undefined,
  }
}

function exact(bytes: Uint8Array, at: number): number {
  const value = sizeAt(bytes, at)
  if (value === undefined) throw malformed('READ POSITION', 'a number is above 2^53 - 1')
  return value
}
