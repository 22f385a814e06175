/** Work that is done once for all who want its end. */
export interface SharedCall {
  /**
   * Waits for the end of the work, which begins with the first who wants it. A failure is that of all who come later.
   *
   * Abort: stops waiting; when nobody waits any more, the work is aborted, and begins anew with the next who wants it.
   */
  readonly join: (signal: AbortSignal) => Promise<void>
  /** Aborts the work and waits until it has ended. Never rejects. */
  readonly stop: () => Promise<void>
}

interface Call {
  readonly work: Promise<void>
  readonly ending: AbortController
  waiting: number
}

/** Shares what `run` does. */
export function sharedCall(run: (signal: AbortSignal) => Promise<void>): SharedCall {
  let current: Call | undefined
  const abort = (call: Call, reason?: unknown) => {
    if (current === call) current = undefined
    call.ending.abort(reason)
  }
  const begin = (): Call => {
    const ending = new AbortController()
    const work = run(ending.signal)
    work.catch(() => undefined)
    current = { work, ending, waiting: 0 }
    return current
  }
  return {
    join: async (signal) => {
      signal.throwIfAborted()
      const call = current ?? begin()
      call.waiting++
      try {
        await orAborted(call.work, signal)
      } finally {
        call.waiting--
        if (call.waiting === 0 && signal.aborted) abort(call, signal.reason)
      }
    },
    stop: async () => {
      const call = current
      if (call === undefined) return
      call.ending.abort()
      await call.work.catch(() => undefined)
    },
  }
}

async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let stopWaiting = () => {}
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    stopWaiting = () => signal.removeEventListener('abort', onAbort)
  })
  try {
    await Promise.race([work, aborted])
  } finally {
    stopWaiting()
  }
}
