import type { CallOptions } from '@holdfast/core'

/** Bounds what is in memory at once: who asks first comes first, and what is larger than all of it comes alone. */
export interface Room {
  /** Waits until so many bytes are free, and takes them. */
  readonly take: (bytes: number, options: CallOptions) => Promise<void>
  /** Gives back what was taken. */
  readonly give: (bytes: number) => void
}

interface Waiting extends PromiseWithResolvers<void> {
  readonly bytes: number
}

/** Makes room for so many bytes. */
export function room(maxBytes: number): Room {
  let takenBytes = 0
  const waiting: Waiting[] = []
  const fits = ({ bytes }: Waiting) => takenBytes === 0 || takenBytes + bytes <= maxBytes
  const admit = (): void => {
    for (let first = waiting[0]; first !== undefined && fits(first); first = waiting[0]) {
      waiting.shift()
      takenBytes += first.bytes
      first.resolve()
    }
  }
  return {
    take: async (bytes, { signal }) => {
      signal.throwIfAborted()
      const mine: Waiting = { bytes, ...Promise.withResolvers<void>() }
      const giveUp = () => {
        const at = waiting.indexOf(mine)
        if (at < 0) return
        waiting.splice(at, 1)
        mine.reject(signal.reason)
        admit()
      }
      waiting.push(mine)
      signal.addEventListener('abort', giveUp, { once: true })
      try {
        admit()
        await mine.promise
      } finally {
        signal.removeEventListener('abort', giveUp)
      }
    },
    give: (bytes) => {
      takenBytes -= bytes
      admit()
    },
  }
}
