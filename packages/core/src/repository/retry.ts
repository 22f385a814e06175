import type { CallOptions, Clock } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'

/** How the engine tries again; plugins never do. */
export interface RetryPolicy {
  /** Attempts in all. */
  readonly attempts: number
  /** Pause before the second attempt; doubled each time, with up to half of it added at random. */
  readonly firstPauseMs: number
  readonly clock: Clock
}

/** Calls until it works, fails for good, or the attempts are used up. */
export async function retrying<T>(
  call: (attempt: number) => Promise<T>,
  policy: RetryPolicy,
  options: CallOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    options.signal.throwIfAborted()
    try {
      return await call(attempt)
    } catch (error) {
      if (!isBackupError(error) || error.retry !== 'transient') throw error
      if (attempt >= policy.attempts) throw exhausted(error, attempt)
      const pause = policy.firstPauseMs * 2 ** (attempt - 1)
      await policy.clock.sleep(pause * (1 + Math.random() / 2), options)
    }
  }
}

function exhausted(error: BackupError, attempts: number): BackupError {
  return new BackupError(error.code, `${error.message} (tried ${attempts} times)`, {
    retry: 'exhausted',
    context: error.context,
    cause: error,
    ...(error.plugin === undefined ? {} : { plugin: error.plugin }),
    ...(error.operation === undefined ? {} : { operation: error.operation }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}
