import type { Sense } from './sense/sense.js'

/** What can go wrong with a command that was answered, and what the operator can do. */
export const scsiErrorCodes = {
  'not-ready': 'The unit is not ready. Look at its display or its web page: it may be offline, or want a person.',
  'no-medium': 'There is no cartridge in the drive. Move one into it.',
  'becoming-ready': 'The unit is still becoming ready. Wait, and ask again.',
  cleaning: 'A cleaning cartridge is in the drive, or the drive is being cleaned. Wait until it is done.',
  'write-protected': 'The cartridge is write protected. Move its switch, or take another cartridge.',
  worm: 'The cartridge can be written once only. Append behind its data, or take another cartridge.',
  encrypted: 'The drive cannot decrypt the block. Give the drive the key that it was written with.',
  blank: 'There is no data at this place of the tape.',
  'medium-error':
    'The tape cannot be read or written here. Clean the drive; if it happens again, retire the cartridge.',
  'incompatible-medium': 'The cartridge does not fit the drive, or has another format. Take another cartridge.',
  'hardware-error': 'The unit failed. Look at its TapeAlert flags and at its log, and call its service.',
  'illegal-request': 'The unit refuses the command as it is.',
  unsupported: 'The unit does not have this command, or not with these fields.',
  'no-unit': 'There is no such logical unit. Look at the unit numbers of the configuration.',
  'unit-attention': 'Something happened to the unit since the last command: a reset, or a change of the medium.',
  'reservation-conflict': 'Another initiator holds a reservation. Stop the other program, or clear the reservation.',
  'end-of-medium': 'The end of the tape was reached.',
  'volume-overflow': 'The tape is full: the block was not written. Go on with another cartridge.',
  'removal-prevented': 'The drive holds its cartridge. Allow the removal, or stop the program that prevents it.',
  'source-empty': 'The source element is empty. Read the inventory again.',
  'destination-full': 'The destination element is full. Read the inventory again.',
  'unknown-element': 'There is no such element. Read the element addresses of the library.',
  magazine: 'The magazine is not there, or not accessible. Insert it, and read the inventory again.',
  busy: 'The unit is busy. Wait, and ask again.',
  aborted: 'The unit gave the command up.',
  'deferred-error':
    'An earlier command failed after it was answered: data that was written since the last flush may be lost.',
  malformed: "The unit's answer breaks the rules of its standard.",
  'short-transfer': 'The unit gave fewer bytes than the block has. Read it with a buffer of exactly its size.',
  invalid: 'A caller gave an argument that has no meaning.',
  unexpected: 'The unit answered in a way that has no meaning for this command.',
} as const

/** One of the codes above. */
export type ScsiErrorCode = keyof typeof scsiErrorCodes

/** Why, beside the code and the command. */
export interface ScsiErrorOptions {
  readonly sense?: Sense | undefined
  /** More words, in place of those of the sense data. */
  readonly detail?: string
  /** Instead of the general hint of the code. */
  readonly hint?: string
}

const brand: unique symbol = Symbol.for('holdfast.scsi-error') as never

/** A unit answered a command with something else than success. The transport's own errors are none of these. */
export class ScsiError extends Error {
  readonly code: ScsiErrorCode
  /** The command, by its name in the standards. */
  readonly what: string
  /** What the operator can do. */
  readonly hint: string
  readonly sense: Sense | undefined
  readonly [brand] = true

  constructor(code: ScsiErrorCode, what: string, options: ScsiErrorOptions = {}) {
    super(`${what}: ${options.detail ?? options.sense?.text ?? code}`)
    this.name = 'ScsiError'
    this.code = code
    this.what = what
    this.hint = options.hint ?? scsiErrorCodes[code]
    this.sense = options.sense
  }
}

/** Recognises a ScsiError from any copy of this package; use it instead of `instanceof`. */
export function isScsiError(error: unknown): error is ScsiError {
  return typeof error === 'object' && error !== null && brand in error
}

/** Makes the error of an answer that breaks the rules. */
export function malformed(what: string, detail: string): ScsiError {
  return new ScsiError('malformed', what, { detail })
}
