import { isQmpError, QmpError } from '../qmp-error.js'
import type { CallOptions } from './call-options.js'

/** What is waited for, for the error that says it did not come. */
export interface Waiting {
  /** As the subject of "… did not come". */
  readonly what: string
  readonly command?: string
  readonly hint?: string
}

/** Node's timers take no longer delay; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1

/**
 * Calls `stop` once, when the signal aborts or the time is up; at once where the signal has aborted.
 *
 * @returns what ends the watch; call it when that which is waited for has come
 */
export function watch(
  waiting: Waiting,
  { signal, timeoutMs = Infinity }: CallOptions,
  stop: (error: QmpError) => void,
): () => void {
  if (signal?.aborted === true) {
    stop(abortError(waiting, signal))
    return () => undefined
  }
  const abort = () => {
    end()
    if (signal !== undefined) stop(abortError(waiting, signal))
  }
  const expire = () => {
    end()
    const { what, command, hint } = waiting
    stop(new QmpError('timeout', `${what} did not come within ${timeoutMs} ms`, { command, hint }))
  }
  const timer = timeoutMs <= longestTimerMs ? setTimeout(expire, timeoutMs) : undefined
  const end = () => {
    signal?.removeEventListener('abort', abort)
    clearTimeout(timer)
  }
  signal?.addEventListener('abort', abort, { once: true })
  return end
}

/** Runs work under one deadline: its signal aborts, with the QmpError to throw as reason, when the time is up. */
export async function withDeadline<T>(
  waiting: Waiting,
  options: CallOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const endWatch = watch(waiting, options, (error) => controller.abort(error))
  try {
    if (controller.signal.aborted) throw abortError(waiting, controller.signal)
    return await work(controller.signal)
  } finally {
    endWatch()
  }
}

/** Makes the error of an aborted call. A reason that is a QmpError is a deadline of ours, and the error itself. */
export function abortError({ what, command }: Waiting, signal: AbortSignal): QmpError {
  const cause: unknown = signal.reason
  if (isQmpError(cause)) return cause
  return new QmpError('aborted', `${what} was no longer waited for: the call was aborted`, { command, cause })
}
