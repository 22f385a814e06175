import type { SecretReference, SecretValue } from './secret.js'

/** What every asynchronous call takes: a way to stop it. */
export interface CallOptions {
  /** Aborting rejects the call soon with the signal's reason and leaves nothing half done that another call could see. */
  readonly signal: AbortSignal
}

/** What a plugin gets from its host when it is opened; it takes nothing from globals. */
export interface PluginContext {
  /** Aborted when the whole run is; each call has a signal of its own as well. */
  readonly signal: AbortSignal
  readonly logger: Logger
  readonly clock: Clock
  /** Cryptographically strong random bytes (seeded in tests). */
  readonly randomBytes: (sizeBytes: number) => Uint8Array
  /** Existing folder for temporary files, removed by the host afterwards. */
  readonly tempDir: string
  /** Folder that relative paths in options start from: where the config file is. */
  readonly baseDir: string
  /** Turns a reference into a secret; the only way to one. */
  readonly resolveSecret: (reference: SecretReference, options: CallOptions) => Promise<SecretValue>
}

/** Time as the host sees it. */
export interface Clock {
  readonly now: () => Date
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when aborted. */
  readonly sleep: (ms: number, options: CallOptions) => Promise<void>
}

/** Six levels, message first: a `pino` or `console`-like object fits. Never pass a secret. */
export interface Logger {
  readonly trace: (message: string, fields?: LogFields) => void
  readonly debug: (message: string, fields?: LogFields) => void
  readonly info: (message: string, fields?: LogFields) => void
  readonly warn: (message: string, fields?: LogFields) => void
  readonly error: (message: string, fields?: LogFields) => void
  readonly fatal: (message: string, fields?: LogFields) => void
}

/** Structured detail of a log line. */
export type LogFields = Readonly<Record<string, string | number | boolean>>
