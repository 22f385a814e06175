/** A place in a queue of which one at a time may go on. */
export interface Turn {
  /** Waits until it is this one's turn; at once if it is so already. Abort rejects with the signal's reason. */
  readonly take: (signal: AbortSignal) => Promise<void>
  /** Lets the next one go on, if this one holds the turn. */
  readonly give: () => void
}

/** Makes a queue; each call makes a place in it, that is taken up with the first `take`. */
export function turns(): () => Turn {
  let last: Promise<unknown> = Promise.resolve()
  return () => {
    let release: (() => void) | undefined
    const give = () => {
      release?.()
      release = undefined
    }
    return {
      take: async (signal) => {
        signal.throwIfAborted()
        if (release !== undefined) return
        const before = last
        const own = Promise.withResolvers<void>()
        release = own.resolve
        last = before.then(() => own.promise)
        try {
          await settledOrAborted(before, signal)
        } catch (error) {
          give()
          throw error
        }
      },
      give,
    }
  }
}

/**
 * Yields the parts of a body while it is their turn, which is still held when the body ends.
 *
 * A body that keeps its writer waiting gives the turn back until it goes on: no other waits for it.
 */
export async function* inTurn(
  body: AsyncIterable<Uint8Array>,
  turn: Turn,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  let keptWaiting: NodeJS.Immediate | undefined
  try {
    for await (const part of body) {
      clearImmediate(keptWaiting)
      await turn.take(signal)
      yield part
      keptWaiting = setImmediate(turn.give)
    }
  } finally {
    clearImmediate(keptWaiting)
  }
}

function settledOrAborted(turn: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  return Promise.race([turn, aborted.promise]).finally(() => signal.removeEventListener('abort', abort))
}
