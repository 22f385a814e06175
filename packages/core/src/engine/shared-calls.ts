import type { CallOptions } from '../contract/context.js'

/** Calls that all who want the same thing at the same time share. */
export interface SharedCalls<T> {
  /**
   * Joins the call of this name that is under way, or starts it.
   *
   * Abort: leaves the call at once; it is ended when the last one has left.
   */
  readonly join: (name: string, start: (options: CallOptions) => Promise<T>, options: CallOptions) => Promise<T>
  readonly has: (name: string) => boolean
  /** Ends every call with this reason and refuses new ones; resolves when none is under way any more. */
  readonly close: (reason: unknown) => Promise<void>
}

interface Running<T> {
  readonly result: Promise<T>
  readonly stop: AbortController
  joined: number
}

/** Makes the room for calls of one kind. */
export function sharedCalls<T>(): SharedCalls<T> {
  const byName = new Map<string, Running<T>>()
  // Ended calls are waited for, too: what they work on is released after them.
  const underWay = new Set<Running<T>>()
  let closed: { readonly reason: unknown } | undefined

  const begin = (name: string, start: (options: CallOptions) => Promise<T>): Running<T> => {
    const stop = new AbortController()
    const call: Running<T> = { result: start({ signal: stop.signal }), stop, joined: 0 }
    byName.set(name, call)
    underWay.add(call)
    const forget = () => {
      underWay.delete(call)
      if (byName.get(name) === call) byName.delete(name)
    }
    call.result.then(forget, forget)
    return call
  }

  return {
    join: async (name, start, { signal }) => {
      signal.throwIfAborted()
      if (closed !== undefined) throw closed.reason
      const call = byName.get(name) ?? begin(name, start)
      call.joined++
      return await new Promise<T>((resolve, reject) => {
        const leave = () => {
          reject(signal.reason)
          call.joined--
          if (call.joined > 0) return
          if (byName.get(name) === call) byName.delete(name)
          call.stop.abort(signal.reason)
        }
        const stay = () => signal.removeEventListener('abort', leave)
        signal.addEventListener('abort', leave, { once: true })
        call.result.then(
          (result) => {
            stay()
            resolve(result)
          },
          (error: unknown) => {
            stay()
            reject(error)
          },
        )
      })
    },
    has: (name) => byName.has(name),
    close: async (reason) => {
      closed ??= { reason }
      const calls = [...underWay]
      for (const call of calls) call.stop.abort(reason)
      await Promise.allSettled(calls.map((call) => call.result))
    },
  }
}
