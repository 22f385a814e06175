/** Passes a stream on, but throws the signal's reason at once when aborted, even while the stream is stuck. */
export async function* abortable<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const iterator = stream[Symbol.asyncIterator]()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  // The race below reports the abort; without a race nobody has to hear of it.
  aborted.catch(() => undefined)
  let ended = false
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await Promise.race([iterator.next(), aborted])
      if (next.done === true) {
        ended = true
        return
      }
      yield next.value
    }
  } catch (error) {
    // A stream that threw has ended; a stuck one would never answer, so nobody waits for it.
    ended = !signal.aborted
    if (signal.aborted) void Promise.resolve(iterator.return?.()).catch(() => undefined)
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
    if (!ended && !signal.aborted) await iterator.return?.()
  }
}
