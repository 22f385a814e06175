/**
 * Yields what an iterable yields until a signal aborts; then throws the signal's reason at once.
 *
 * An iterable that is waiting at that moment is told to stop and not waited for: it may never answer.
 */
export async function* untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const iterator = items[Symbol.asyncIterator]()
  let ended = false
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await nextOrAbort(iterator, signal).catch((error: unknown) => {
        // An iterator that threw is at its end; only one that was interrupted must still be told.
        ended = !signal.aborted
        throw error
      })
      if (next.done === true) {
        ended = true
        return
      }
      yield next.value
    }
  } finally {
    if (!ended) {
      const stopped = Promise.resolve(iterator.return?.())
      if (signal.aborted) stopped.catch(() => undefined)
      else await stopped
    }
  }
}

function nextOrAbort<T>(iterator: AsyncIterator<T>, signal: AbortSignal): Promise<IteratorResult<T>> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    const settled = () => signal.removeEventListener('abort', abort)
    iterator.next().then(
      (result) => {
        settled()
        resolve(result)
      },
      (error: unknown) => {
        settled()
        reject(error)
      },
    )
  })
}
