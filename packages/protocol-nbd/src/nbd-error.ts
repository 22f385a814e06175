import type { ErrnoName } from './wire/errno.js'

/** What can go wrong between a client and a server. */
export const nbdErrorCodes = {
  refused: 'Nobody listens there, or the peer turned the connection down.',
  'unknown-export': 'The server has no export of that name.',
  'tls-required': 'The server talks about this export over TLS only.',
  'tls-unavailable': 'TLS was demanded and the server does not offer it.',
  'tls-failed': 'The TLS handshake failed, or the certificate is not the expected one.',
  protocol: 'The peer broke the rules of the protocol; the connection was closed.',
  closed: 'The connection is closed; what was in flight has no known outcome.',
  timeout: 'The peer was silent for too long.',
  limit: 'The peer claims more than is taken.',
  io: 'The server answered with an error number.',
  'out-of-range': 'A caller reached past the end of the export.',
  unsupported: 'The server does not offer this command or context for this export.',
  invalid: 'A caller gave an argument that has no meaning: a bad URI, an unaligned range, a name too long.',
  listen: 'The server cannot listen at this address.',
} as const

/** One of the codes above. */
export type NbdErrorCode = keyof typeof nbdErrorCodes

/** Where and why, beside the code and the message. */
export interface NbdErrorOptions {
  /** Error number that the server answered with, by its name; the unlisted ones are EINVAL. */
  readonly errno?: ErrnoName
  /** Byte of the export. */
  readonly offset?: number
  readonly cause?: unknown
}

const brand: unique symbol = Symbol.for('holdfast.nbd-error') as never

/** The one error class of this package; only the reason of a caller's own abort is passed on as it is. */
export class NbdError extends Error {
  readonly code: NbdErrorCode
  readonly errno: ErrnoName | undefined
  readonly offset: number | undefined
  readonly [brand] = true

  constructor(code: NbdErrorCode, message: string, options: NbdErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'NbdError'
    this.code = code
    this.errno = options.errno
    this.offset = options.offset
  }
}

/** Recognises an NbdError from any copy of this package; use it instead of `instanceof`. */
export function isNbdError(error: unknown): error is NbdError {
  return typeof error === 'object' && error !== null && brand in error
}

/** Makes the error of a peer that breaks the rules. */
export function broken(message: string): NbdError {
  return new NbdError('protocol', message)
}
