/** Lets actions on ranges that overlap wait for one another, in the order in which they came; others run side by side. */
export interface RangeTurns {
  readonly take: <T>(from: number, end: number, action: () => Promise<T>) => Promise<T>
}

/** Makes the room for actions on one thing. */
export function rangeTurns(): RangeTurns {
  const before = new Set<{ readonly from: number; readonly end: number; readonly done: Promise<void> }>()
  return {
    take: async (from, end, action) => {
      const earlier = Array.from(before).filter((turn) => turn.from < end && from < turn.end)
      const { promise: done, resolve } = Promise.withResolvers<void>()
      const turn = { from, end, done }
      before.add(turn)
      try {
        await Promise.all(earlier.map((one) => one.done))
        return await action()
      } finally {
        before.delete(turn)
        resolve()
      }
    },
  }
}
