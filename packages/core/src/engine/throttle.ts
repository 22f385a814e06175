import type { CallOptions, Clock } from '../contract/context.js'
import type { Throttle } from '../repository/object-store.js'

/** A token bucket that holds one second: lets `bytesPerSecond` pass on average, without bursts beyond that. */
export function throttleTo(bytesPerSecond: number | undefined, clock: Clock): Throttle {
  if (bytesPerSecond === undefined) return async () => {}
  let readyAt = 0
  return async (bytes: number, options: CallOptions) => {
    const now = clock.now().getTime()
    const waitMs = Math.max(0, readyAt - now)
    readyAt = Math.max(readyAt, now - 1000) + (bytes / bytesPerSecond) * 1000
    if (waitMs > 0) await clock.sleep(waitMs, options)
  }
}
