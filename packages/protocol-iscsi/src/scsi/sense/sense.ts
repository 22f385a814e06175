import { byteAt, hasBits, viewOf } from '../bytes.js'
import { describeAdditionalSense, hex } from './additional-sense.js'
import { senseKeyName } from './sense-key.js'

/** What a unit says about a command that did not simply succeed. SPC-4, 4.5. */
export interface Sense {
  /** One of `senseKey`. */
  readonly key: number
  readonly asc: number
  readonly ascq: number
  /** It is about an earlier command: buffered data of writes that were answered with GOOD may be lost. */
  readonly isDeferred: boolean
  readonly filemark: boolean
  /** Early warning or end of the partition; at the beginning when the tape moved backwards. */
  readonly endOfMedium: boolean
  readonly incorrectLength: boolean
  /** What was asked minus what was done, negative when a block was longer than asked; undefined when not valid. */
  readonly information: number | undefined
  /** Key and additional sense in plain words, with their numbers. */
  readonly text: string
}

interface SenseFields extends Omit<Sense, 'text'> {}

/**
 * Reads sense data of the fixed (70h, 71h) and the descriptor format (72h, 73h).
 *
 * Guarantee: takes any bytes. Fields that are missing count as zero; undefined when there is no key or the format is another one.
 */
export function decodeSense(bytes: Uint8Array): Sense | undefined {
  const format = byteAt(bytes, 0) & 0x7f
  const isFixed = format === 0x70 || format === 0x71
  if (bytes.length < (isFixed ? 3 : 2)) return
  const isDescriptors = format === 0x72 || format === 0x73
  if (isFixed) return withText(decodeFixed(bytes))
  return isDescriptors ? withText(decodeDescriptors(bytes)) : undefined
}

/** SPC-4, 4.5.3. */
function decodeFixed(bytes: Uint8Array): SenseFields {
  const isValid = hasBits(bytes, 0, 0x80) && bytes.length >= 7
  return {
    key: byteAt(bytes, 2) & 0xf,
    asc: byteAt(bytes, 12),
    ascq: byteAt(bytes, 13),
    isDeferred: (byteAt(bytes, 0) & 0x7f) === 0x71,
    filemark: hasBits(bytes, 2, 0x80),
    endOfMedium: hasBits(bytes, 2, 0x40),
    incorrectLength: hasBits(bytes, 2, 0x20),
    information: isValid ? viewOf(bytes).getInt32(3) : undefined,
  }
}

const informationDescriptor = 0x00
const streamDescriptor = 0x04

/** SPC-4, 4.5.2: descriptors follow one another, each with its type and its length. */
function decodeDescriptors(bytes: Uint8Array): SenseFields {
  let information: number | undefined
  let flags = 0
  const end = Math.min(bytes.length, 8 + byteAt(bytes, 7))
  for (let at = 8; at + 2 <= end; at += 2 + byteAt(bytes, at + 1)) {
    const type = byteAt(bytes, at)
    if (type === informationDescriptor && at + 12 <= end && hasBits(bytes, at + 2, 0x80))
      information = safe(viewOf(bytes).getBigInt64(at + 4))
    if (type === streamDescriptor && at + 4 <= end) flags = byteAt(bytes, at + 3)
  }
  return {
    key: byteAt(bytes, 1) & 0xf,
    asc: byteAt(bytes, 2),
    ascq: byteAt(bytes, 3),
    isDeferred: (byteAt(bytes, 0) & 0x7f) === 0x73,
    filemark: (flags & 0x80) !== 0,
    endOfMedium: (flags & 0x40) !== 0,
    incorrectLength: (flags & 0x20) !== 0,
    information,
  }
}

function safe(value: bigint): number | undefined {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : undefined
}

function withText(fields: SenseFields): Sense {
  const { key, asc, ascq } = fields
  const numbers = `${hex(key)}/${hex(asc)}/${hex(ascq)}`
  const deferred = fields.isDeferred ? ', about an earlier command' : ''
  return { ...fields, text: `${senseKeyName(key)}: ${describeAdditionalSense(asc, ascq)}${deferred} (${numbers})` }
}
