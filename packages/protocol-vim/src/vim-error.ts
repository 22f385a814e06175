/** What can go wrong between this client and a vCenter or a host. */
export const vimErrorCodes = {
  connect: 'The connection could not be opened.',
  certificate: 'The server showed a certificate that is not trusted, or not the pinned one.',
  closed: 'The connection ended before the answer was whole.',
  timeout: 'The other side did not answer in time, or stalled.',
  aborted: 'The caller aborted the call.',
  login: 'The user or the password is wrong.',
  fault: 'The server refused a call; `fault` is its name for the reason.',
  task: 'A task of the server failed; `fault` is its name for the reason.',
  lease: 'A lease ended before its transfer was done.',
  http: 'The server answered a transfer with a status that is no success; `status` is it.',
  version: 'The server speaks a version of the API that this client does not.',
  protocol: 'The other side broke the protocol.',
  limit: 'An answer is larger than is taken.',
} as const

/** One of the codes above. */
export type VimErrorCode = keyof typeof vimErrorCodes

/** What is known beside the code and the message. */
export interface VimErrorOptions {
  /** Name of the method that failed. Its arguments are never part of an error: they may be secret. */
  readonly method?: string | undefined
  /** Name of the fault, such as `InvalidPowerState` (vSphere Web Services API, "Fault types"). */
  readonly fault?: string | undefined
  /** Status of an HTTP answer. */
  readonly status?: number | undefined
  /** What can be done about it, as a sentence. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

const brand: unique symbol = Symbol.for('holdfast.vim-error') as never
const longestMessage = 4096

/** The one error class of this package. */
export class VimError extends Error {
  readonly code: VimErrorCode
  readonly method: string | undefined
  readonly fault: string | undefined
  readonly status: number | undefined
  readonly hint: string | undefined
  readonly [brand] = true

  constructor(code: VimErrorCode, message: string, options: VimErrorOptions = {}) {
    super(printable(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'VimError'
    this.code = code
    this.method = options.method
    this.fault = options.fault
    this.status = options.status
    this.hint = options.hint
  }

  /** Whether the same call may do later: nothing is wrong with what was asked. */
  get isTransient(): boolean {
    if (this.code === 'http') return this.status !== undefined && (this.status >= 500 || this.status === 429)
    if (this.code === 'fault' || this.code === 'task') return transientFaults.includes(this.fault ?? '')
    return this.code === 'connect' || this.code === 'closed' || this.code === 'timeout'
  }
}

/** Reasons that pass by themselves, of vSphere Web Services API, "Fault types". */
const transientFaults = [
  'TaskInProgress',
  'HostCommunication',
  'HostNotReachable',
  'Timedout',
  'ConcurrentAccess',
  'ResourceInUse',
]

/** Recognises a VimError from any copy of this package; use it instead of `instanceof`. */
export function isVimError(error: unknown): error is VimError {
  return typeof error === 'object' && error !== null && brand in error
}

/** Tells whether an error is that fault, of a call or of a task. */
export function isFault(error: unknown, ...faults: readonly string[]): error is VimError {
  return isVimError(error) && error.fault !== undefined && faults.includes(error.fault)
}

/** Makes the error of a peer that breaks its protocol. */
export function protocolError(message: string): VimError {
  return new VimError('protocol', message)
}

/** Keeps what a server says from moving an operator's terminal. */
function printable(text: string): string {
  return text.slice(0, longestMessage).replaceAll(/\p{Cc}/gu, ' ')
}
