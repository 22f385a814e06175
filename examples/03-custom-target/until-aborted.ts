/** Passes a stream on and throws the signal's reason as soon as it is aborted, even while the stream is stuck. */
export async function* untilAborted<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const iterator = stream[Symbol.asyncIterator]()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  // Between two races nobody listens, and that is no unhandled rejection.
  aborted.catch(() => undefined)
  signal.addEventListener('abort', abort, { once: true })
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await Promise.race([iterator.next(), aborted])
      if (next.done === true) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', abort)
    const ended = iterator.return?.()
    // A stuck stream would never answer: it is told to end, and nobody waits for it.
    if (signal.aborted) ended?.catch(() => undefined)
    else await ended
  }
}
