import type { CallOptions } from '../contract/context.js'

/** Hands out a fixed set of things, first come first served: buffers, slabs, places in a queue. */
export interface Permits<T> {
  /** Waits for a free one; rejects when aborted or closed. */
  readonly acquire: (options: CallOptions) => Promise<T>
  readonly release: (item: T) => void
  /** Makes all waiting and later `acquire`s fail. */
  readonly close: (error: unknown) => void
}

/** Makes permits from the items themselves; a function makes one on first need. */
export function permits<T>(items: readonly (() => T)[]): Permits<T> {
  const unmade = [...items].reverse()
  const free: T[] = []
  const waiting: { readonly resolve: (item: T) => void; readonly reject: (error: unknown) => void }[] = []
  let closed: { readonly error: unknown } | undefined
  return {
    acquire: async ({ signal }) => {
      signal.throwIfAborted()
      if (closed !== undefined) throw closed.error
      const item = free.pop() ?? unmade.pop()?.()
      if (item !== undefined) return item
      return new Promise<T>((resolve, reject) => {
        const onAbort = () => {
          const at = waiting.indexOf(waiter)
          if (at >= 0) waiting.splice(at, 1)
          reject(signal.reason)
        }
        const waiter = {
          resolve: (given: T) => {
            signal.removeEventListener('abort', onAbort)
            resolve(given)
          },
          reject: (error: unknown) => {
            signal.removeEventListener('abort', onAbort)
            reject(error)
          },
        }
        signal.addEventListener('abort', onAbort, { once: true })
        waiting.push(waiter)
      })
    },
    release: (item) => {
      const next = waiting.shift()
      if (next === undefined) free.push(item)
      else next.resolve(item)
    },
    close: (error) => {
      closed ??= { error }
      for (const waiter of waiting.splice(0)) waiter.reject(error)
    },
  }
}
