import type { CallOptions } from '@holdfast/core'

/** Lets only so many at a time have something of the same name. */
export interface Admission {
  /** Waits for a place under each name. Dispose what comes back to give them up. */
  readonly enter: (names: readonly string[], options: CallOptions) => Promise<Disposable>
}

interface Waiting {
  readonly names: readonly string[]
  readonly admit: () => void
}

/** Makes one; `limitOf` says how many a name takes. Whoever has waited longest and fits goes first. */
export function admission(limitOf: (name: string) => number): Admission {
  const taken = new Map<string, number>()
  let waiting: readonly Waiting[] = []

  const fits = (names: readonly string[]) => names.every((name) => (taken.get(name) ?? 0) < limitOf(name))
  const change = (names: readonly string[], by: number) => {
    for (const name of names) taken.set(name, (taken.get(name) ?? 0) + by)
  }
  const admitWaiting = () => {
    for (const each of waiting) {
      if (!fits(each.names)) continue
      waiting = waiting.filter((other) => other !== each)
      change(each.names, 1)
      each.admit()
    }
  }
  return {
    enter: async (all, { signal }) => {
      signal.throwIfAborted()
      const names = [...new Set(all)]
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const entry = { names, admit: resolve }
      const abort = () => {
        if (!waiting.includes(entry)) return
        waiting = waiting.filter((other) => other !== entry)
        reject(signal.reason)
      }
      signal.addEventListener('abort', abort, { once: true })
      waiting = [...waiting, entry]
      admitWaiting()
      try {
        await promise
      } finally {
        signal.removeEventListener('abort', abort)
      }
      let isIn = true
      return {
        [Symbol.dispose]: () => {
          if (!isIn) return
          isIn = false
          change(names, -1)
          admitWaiting()
        },
      }
    },
  }
}
