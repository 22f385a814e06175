import { printable, protocolError } from '../qmp-error.js'
import { integerOf, isRecord, type JsonRecord, recordOf, textOf } from './fields.js'
import { type QemuVersion, readVersion } from './version.js'

/** Something that QEMU tells unasked. */
export interface QmpEvent {
  /** Such as `JOB_STATUS_CHANGE`. */
  readonly name: string
  /** What QEMU says with it; empty where it says nothing. */
  readonly data: JsonRecord
  /** When, by the host's clock, in milliseconds since 1970; undefined where QEMU does not know. */
  readonly atMs: number | undefined
}

/** The answer to a command. */
export type QmpAnswer =
  | { readonly kind: 'return'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly class: string; readonly desc: string }

/** What QEMU sends (qmp-spec, sections 2.2 to 2.5). */
export type QmpMessage =
  | { readonly kind: 'greeting'; readonly version: QemuVersion }
  | { readonly kind: 'event'; readonly event: QmpEvent }
  | QmpAnswer

/**
 * Tells what a message is.
 *
 * @throws QmpError `protocol` for a message of no kind, and for an error without id: QEMU read no command then
 */
export function readQmpMessage(message: JsonRecord): QmpMessage {
  if ('QMP' in message) {
    return { kind: 'greeting', version: readVersion(recordOf(message['QMP'], 'The greeting')['version']) }
  }
  if ('event' in message) return { kind: 'event', event: readEvent(message) }
  if ('error' in message) {
    const failure = readFailure(message['error'])
    if (message['id'] === undefined)
      throw protocolError(`QEMU read no command in what it got: ${printable(failure.desc)}`)
    return { kind: 'error', id: idOf(message), ...failure }
  }
  if ('return' in message) return { kind: 'return', id: idOf(message), value: message['return'] }
  throw protocolError('A message is neither greeting, event, error nor return')
}

/** Reads class and description of an error, of the guest agent too. */
export function readFailure(value: unknown): { readonly class: string; readonly desc: string } {
  const error = recordOf(value, 'The error')
  return { class: textOf(error['class'], 'The class of an error'), desc: textOf(error['desc'], 'The text of an error') }
}

function idOf(message: JsonRecord): number {
  return integerOf(message['id'], 'The id of an answer')
}

function readEvent(message: JsonRecord): QmpEvent {
  const { data = {}, timestamp } = message
  return {
    name: textOf(message['event'], 'The name of an event'),
    data: recordOf(data, 'The data of an event'),
    atMs: readTime(timestamp),
  }
}

/** QEMU says -1 where it could not read the clock. */
function readTime(value: unknown): number | undefined {
  if (!isRecord(value)) return undefined
  const { seconds, microseconds } = value
  if (typeof seconds !== 'number' || typeof microseconds !== 'number' || seconds < 0) return undefined
  return seconds * 1000 + Math.floor(microseconds / 1000)
}
