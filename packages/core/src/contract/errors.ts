/**
 * Every error code of Holdfast and who reports it. Codes are stable; messages are not.
 *
 * Third parties may add codes of their own as `E_X_<VENDOR>_<WHAT>`.
 */
export const errorCodes = {
  E_ABORTED: 'The run was stopped by its caller.',
  E_CONFIG: 'The configuration or an option is wrong.',
  E_USAGE: 'A command or a call is used wrongly.',
  E_PLAN: 'The parts of a pipeline do not fit together.',
  E_UNSUPPORTED: 'A plugin was asked for something that its capabilities exclude, or this machine lacks what it takes.',
  E_PLUGIN_INVALID: 'A plugin object contradicts the contract.',
  E_PLUGIN_UNEXPECTED: 'A plugin threw something that is not a BackupError.',
  E_SECRET: 'A secret cannot be had from where the reference points.',
  E_TIMEOUT: 'An operation took longer than it may.',
  E_SOURCE_UNAVAILABLE: 'The hypervisor or folder does not answer.',
  E_SOURCE_DENIED: 'The source refuses these credentials or permissions.',
  E_SOURCE_INVALID: 'The source holds something that cannot be understood.',
  E_SOURCE_READ: 'A disk range cannot be read.',
  E_MACHINE_NOT_FOUND: 'No machine of that name at the source.',
  E_CHANGE_TOKEN: 'The source cannot tell changes since that token.',
  E_FREEZE: 'A quiesce hook could not freeze.',
  E_THAW: 'A quiesce hook could not thaw.',
  E_TRANSFORM: 'A transform could not encode or decode.',
  E_TARGET_UNAVAILABLE: 'The target does not answer.',
  E_TARGET_DENIED: 'The target refuses these credentials or permissions.',
  E_TARGET_FULL: 'The target has no room left.',
  E_TARGET_READ_ONLY: 'The target does not accept writes.',
  E_TARGET_IMMUTABLE: 'The object is locked against removal.',
  E_TARGET_IO: 'The target failed while reading or writing.',
  E_MEDIA_NEEDED: 'A medium that is needed is not there.',
  E_MEDIA_FOREIGN: 'The medium holds something else.',
  E_OBJECT_NOT_FOUND: 'No object of that key on the target.',
  E_OBJECT_EXISTS: 'An object of that key is already on the target.',
  E_OBJECT_KEY: 'A key is not a legal object name.',
  E_REPOSITORY_NOT_FOUND: 'The target holds no repository.',
  E_REPOSITORY_EXISTS: 'The target already holds a repository.',
  E_REPOSITORY_BUSY: 'Another process changes what only one may change at a time.',
  E_REPOSITORY_VERSION: 'The repository was written by a newer format.',
  E_DAMAGED: 'Stored data is missing, truncated or altered.',
  E_KEY_WRONG: 'The passphrase opens none of the key slots.',
  E_KEY_MISSING: 'The data needs a key or passphrase that was not given.',
  E_POINT_NOT_FOUND: 'No recovery point of that name.',
  E_POINT_AMBIGUOUS: 'The name fits more than one recovery point.',
  E_PLACEMENT: 'A restore cannot write where it was told to.',
  E_BOOT: 'A machine did not come up: it ended, or its probe failed or did not come in time.',
} as const

/** One of the codes above, or a vendor's own. */
export type ErrorCode = keyof typeof errorCodes | `E_X_${string}`

/** Whether trying again can help: `exhausted` means that the engine already did. */
export type RetryClass = 'never' | 'transient' | 'exhausted'

/** What a BackupError is made of, beside its code and message. */
export interface BackupErrorOptions {
  /** @defaultValue `'never'` */
  readonly retry?: RetryClass
  /** Id of the plugin that failed. */
  readonly plugin?: string
  /** What was being done, as `<kind>.<operation>`: `target.put`. */
  readonly operation?: string
  /** Names and numbers that tell where; never secrets. */
  readonly context?: Readonly<Record<string, string | number>>
  /** What the operator can do about it, as a sentence. */
  readonly hint?: string
  readonly cause?: unknown
}

const errorBrand: unique symbol = Symbol.for('holdfast.error') as never

/** The one error class of Holdfast: what went wrong, where, whether to retry, and what to do. */
export class BackupError extends Error {
  readonly code: ErrorCode
  readonly retry: RetryClass
  readonly plugin: string | undefined
  readonly operation: string | undefined
  readonly context: Readonly<Record<string, string | number>>
  readonly hint: string | undefined
  readonly [errorBrand] = true

  constructor(code: ErrorCode, message: string, options: BackupErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BackupError'
    this.code = code
    this.retry = options.retry ?? 'never'
    this.plugin = options.plugin
    this.operation = options.operation
    this.context = options.context ?? {}
    this.hint = options.hint
  }
}

/** Recognises a BackupError from any copy of this package; use it instead of `instanceof`. */
export function isBackupError(error: unknown): error is BackupError {
  return typeof error === 'object' && error !== null && errorBrand in error
}
