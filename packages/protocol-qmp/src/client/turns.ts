import { abortError, type Waiting } from './deadline.js'

/** Lets one at a time. */
export interface Turns {
  /**
   * Resolves when it is the caller's turn, with what ends the turn.
   *
   * @throws QmpError `aborted`
   */
  readonly take: (waiting: Waiting, options: TurnOptions) => Promise<() => void>
}

/** How to wait for a turn. */
export interface TurnOptions {
  readonly signal: AbortSignal | undefined
  /** Before all others that wait. */
  readonly isUrgent: boolean
}

interface Waiter {
  readonly admit: () => void
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
    const abort = () => {
      queue.splice(queue.indexOf(waiter), 1)
      if (signal !== undefined) reject(abortError(waiting, signal))
    }
    const waiter: Waiter = {
      admit: () => {
        signal?.removeEventListener('abort', abort)
        resolve()
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
  }
}
