import type { QmpError } from '../qmp-error.js'
import { abortError, type Waiting } from './deadline.js'

/** Lets one at a time. */
export interface Turns {
  /**
   * Resolves when it is the caller's turn, with what ends the turn.
   *
   * @throws QmpError `aborted`, and what `refuse` is given
   */
  readonly take: (waiting: Waiting, options: TurnOptions) => Promise<() => void>
  /** Turns away all who wait. */
  readonly refuse: (reason: (waiting: Waiting) => QmpError) => void
}

/** How to wait for a turn. */
export interface TurnOptions {
  readonly signal: AbortSignal | undefined
  /** Before all others that wait. */
  readonly isUrgent: boolean
}

interface Waiter {
  readonly waiting: Waiting
  readonly admit: () => void
  readonly reject: (error: QmpError) => void
}

/** Makes a queue in which nobody waits. */
export function turns(): Turns {
  const queue: Waiter[] = []
  let isTaken = false

  const next = () => {
    const waiter = queue.shift()
    if (waiter === undefined) isTaken = false
    else waiter.admit()
  }

  const wait = (waiting: Waiting, { signal, isUrgent }: TurnOptions) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => signal?.removeEventListener('abort', abort)
    const abort = () => {
      queue.splice(queue.indexOf(waiter), 1)
      if (signal !== undefined) reject(abortError(waiting, signal))
    }
    const waiter: Waiter = {
      waiting,
      admit: () => {
        leave()
        resolve()
      },
      reject: (error) => {
        leave()
        reject(error)
      },
    }
    signal?.addEventListener('abort', abort, { once: true })
    if (isUrgent) queue.unshift(waiter)
    else queue.push(waiter)
    return promise
  }

  return {
    take: async (waiting, options) => {
      if (options.signal?.aborted === true) throw abortError(waiting, options.signal)
      if (isTaken) await wait(waiting, options)
      isTaken = true
      return next
    },
    refuse: (reason) => {
      for (const { waiting, reject } of queue.splice(0)) reject(reason(waiting))
    },
  }
}
