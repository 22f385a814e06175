/** What can go wrong between this client and QEMU or the guest agent. */
export const qmpErrorCodes = {
  connect: 'The socket could not be opened.',
  closed: 'The connection ended, by either side, before the call was done.',
  timeout: 'The other side did not answer in time.',
  aborted: 'The caller aborted the call.',
  command: 'The other side failed a command; `class` and `desc` are its words.',
  job: 'A job failed, or was gone before its outcome could be read.',
  protocol: 'The other side broke the protocol.',
  limit: 'A message of the other side is larger than is taken.',
} as const

/** One of the codes above. */
export type QmpErrorCode = keyof typeof qmpErrorCodes

/** What is known beside the code and the message. */
export interface QmpErrorOptions {
  /** Name of the command that failed. Its arguments are never part of an error: they may be secret. */
  readonly command?: string | undefined
  /** QEMU's error class, such as `GenericError` or `CommandNotFound`. */
  readonly class?: string | undefined
  /** What QEMU or the guest agent says, at most 4096 characters. Text for people: never match on it. */
  readonly desc?: string | undefined
  /** What can be done about it, as a sentence. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

const brand: unique symbol = Symbol.for('holdfast.qmp-error') as never
const longestDesc = 4096

/** The one error class of this package. */
export class QmpError extends Error {
  readonly code: QmpErrorCode
  readonly command: string | undefined
  readonly class: string | undefined
  readonly desc: string | undefined
  readonly hint: string | undefined
  readonly [brand] = true

  constructor(code: QmpErrorCode, message: string, options: QmpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'QmpError'
    this.code = code
    this.command = options.command
    this.class = options.class
    this.desc = options.desc?.slice(0, longestDesc)
    this.hint = options.hint
  }
}

/** Recognises a QmpError from any copy of this package; use it instead of `instanceof`. */
export function isQmpError(error: unknown): error is QmpError {
  return typeof error === 'object' && error !== null && brand in error
}

/** Makes the error of a peer that breaks its protocol. */
export function protocolError(message: string): QmpError {
  return new QmpError('protocol', message)
}

/** Makes the error of a command that the other side failed. */
export function commandError(command: string, errorClass: string, desc: string): QmpError {
  return new QmpError('command', `${command}: ${printable(desc)}`, { command, class: errorClass, desc })
}

/** Keeps what a guest says from moving an operator's terminal. */
export function printable(text: string): string {
  return text.slice(0, longestDesc).replaceAll(/\p{Cc}/gu, ' ')
}
