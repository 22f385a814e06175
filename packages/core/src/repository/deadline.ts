import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'

/**
 * Gives a call a time limit; when it runs out the call fails as a passing fault, so that it is tried again.
 *
 * @throws BackupError `E_TIMEOUT` (transient)
 */
export async function withDeadline<T>(
  operation: string,
  limitMs: number,
  options: CallOptions,
  call: (limited: CallOptions) => Promise<T>,
): Promise<T> {
  const timer = AbortSignal.timeout(Math.min(limitMs, 2 ** 31 - 1))
  try {
    return await call({ signal: AbortSignal.any([options.signal, timer]) })
  } catch (error) {
    if (!timer.aborted || options.signal.aborted) throw error
    throw new BackupError('E_TIMEOUT', `No answer to ${operation} within ${Math.round(limitMs / 1000)} s.`, {
      retry: 'transient',
      operation,
      hint: 'Look whether the server or disk still responds.',
      cause: error,
    })
  }
}
