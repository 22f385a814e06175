import { BackupError, type ErrorCode, type RetryClass } from '@holdfast/core'
import type { AcmeFault, AcmeStatus } from './acme-client.js'

/** What was going on when something failed. */
export interface Where {
  /** `put`, `get`, `stat`, `list`, `remove` or `open`. */
  readonly operation: string
  /** Object or endpoint. */
  readonly subject: string
  readonly signal: AbortSignal
}

interface Translation {
  readonly code: ErrorCode
  readonly retry: RetryClass
  readonly hint: string
}

/** What each refusal of the vault means to Holdfast. The engine retries what is transient; a plugin never does. */
const translations: Readonly<Record<AcmeStatus, Translation>> = {
  401: { code: 'E_TARGET_DENIED', retry: 'never', hint: "Give a valid 'token' that may write to this vault." },
  404: { code: 'E_OBJECT_NOT_FOUND', retry: 'never', hint: 'Run verify: something that the repository needs is gone.' },
  409: { code: 'E_OBJECT_EXISTS', retry: 'never', hint: 'Objects are written once; another writer was faster.' },
  503: { code: 'E_TARGET_UNAVAILABLE', retry: 'transient', hint: "Check 'endpoint' and the network." },
  507: { code: 'E_TARGET_FULL', retry: 'never', hint: 'Add room to the vault, or let `holdfast prune` free some.' },
}

/** Makes an error of this plugin. */
export function failure(code: ErrorCode, reason: string, { operation, subject }: Where, rest: Partial<Failure> = {}) {
  return new BackupError(code, `Cannot ${operation} ${subject}: ${reason}.`, {
    plugin: 'acme',
    operation: `target.${operation}`,
    context: { subject },
    ...rest,
  })
}

interface Failure {
  readonly retry: RetryClass
  readonly hint: string
  readonly cause: unknown
}

/** Turns what the client library threw into what the contract promises; whatever is not Acme's passes as it is. */
export function translated(error: unknown, where: Where): unknown {
  if (where.signal.aborted) return where.signal.reason
  if (!isAcmeFault(error)) return error
  const { code, retry, hint } = translations[error.status]
  return failure(code, error.message, where, { retry, hint, cause: error })
}

/** Awaits a call of the client library. */
export async function calling<T>(where: Where, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw translated(error, where)
  }
}

/** Tells an error of the client library. */
export function isAcmeFault(error: unknown): error is AcmeFault {
  return error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status in translations
}
