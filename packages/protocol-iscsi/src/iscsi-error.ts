/** What can go wrong between an initiator and a target. */
export const iscsiErrorCodes = {
  connect: 'Nobody listens there, or the peer hung up before it said a word.',
  login: 'The target refuses the login; `loginStatus` says why.',
  auth: 'The initiator or the target could not prove who it is.',
  'unknown-target': 'The portal has no target of that name.',
  protocol: 'The target broke the rules of the protocol; the connection was closed.',
  digest: 'What came is not what was sent: a CRC32C is wrong; the connection was closed.',
  lost: 'The connection is gone. Nobody knows whether the commands in flight were carried out.',
  closed: 'The session is closed, and the command was not sent.',
  timeout: 'The target was silent for too long.',
  aborted: 'The task was ended by a reset, or by the target.',
  rejected: 'The target takes no such request.',
  usage: 'A caller gave an argument that has no meaning.',
} as const

/** One of the codes above. */
export type IscsiErrorCode = keyof typeof iscsiErrorCodes

/** What is known beside the code and the message. */
export interface IscsiErrorOptions {
  /** What an operator can do. */
  readonly hint?: string | undefined
  /** Status class and detail of a login that was refused, such as 0x0201. RFC 7143, 11.13.5. */
  readonly loginStatus?: number
  readonly cause?: unknown
}

const brand: unique symbol = Symbol.for('holdfast.iscsi-error') as never

/** The one error class of this package; only the reason of a caller's own abort is passed on as it is. */
export class IscsiError extends Error {
  readonly code: IscsiErrorCode
  readonly hint: string | undefined
  readonly loginStatus: number | undefined
  readonly [brand] = true

  constructor(code: IscsiErrorCode, message: string, options: IscsiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'IscsiError'
    this.code = code
    this.hint = options.hint
    this.loginStatus = options.loginStatus
  }
}

/** Recognises an IscsiError from any copy of this package; use it instead of `instanceof`. */
export function isIscsiError(error: unknown): error is IscsiError {
  return typeof error === 'object' && error !== null && brand in error
}

/** Makes the error of a target that breaks the rules. */
export function broken(message: string): IscsiError {
  return new IscsiError('protocol', message)
}
