/** An amount that is lent and given back, in the order of asking. */
export interface Budget {
  /** Takes an amount: undefined when it was there at once. @throws (rejects with) the reason of an abort while waiting */
  readonly acquire: (amount: number, signal?: AbortSignal) => Promise<void> | undefined
  readonly release: (amount: number) => void
  /** What is lent. */
  readonly used: () => number
}

interface Waiter {
  readonly amount: number
  readonly start: () => void
}

/** Makes a budget; who asks for more than the whole gets it alone. */
export function createBudget(total: number): Budget {
  const waiters: Waiter[] = []
  let used = 0

  const fits = (amount: number) => used + amount <= total || used === 0

  function startNext(): void {
    for (let next = waiters[0]; next !== undefined && fits(next.amount); next = waiters[0]) {
      waiters.shift()
      used += next.amount
      next.start()
    }
  }

  async function wait(amount: number, signal: AbortSignal | undefined): Promise<void> {
    const turn = Promise.withResolvers<void>()
    const waiter: Waiter = { amount, start: turn.resolve }
    const leave = () => {
      const index = waiters.indexOf(waiter)
      if (index < 0) return
      waiters.splice(index, 1)
      turn.reject(signal?.reason)
      startNext()
    }
    waiters.push(waiter)
    signal?.addEventListener('abort', leave, { once: true })
    try {
      await turn.promise
    } finally {
      signal?.removeEventListener('abort', leave)
    }
  }

  return {
    acquire: (amount, signal) => {
      if (waiters.length > 0 || !fits(amount)) return wait(amount, signal)
      used += amount
      return undefined
    },
    release: (amount) => {
      used -= amount
      startNext()
    },
    used: () => used,
  }
}
