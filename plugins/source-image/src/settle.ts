import type { Clock } from '@holdfast/core'
import type { DiskFile, FileStamp } from './disk-file.js'

// Kernels stamp files by a clock that ticks every 1 to 10 ms: two writes within a tick look like one.
const tickMs = 20
const rounds = 5

/** A file with the stamp that later ones are compared with, unless it never came to rest. */
export interface Settled {
  readonly stamp: FileStamp
  readonly atRest: boolean
}

/**
 * Stamps files such that any later write must show in their stamps.
 *
 * A file written to just now is waited for, at most a tenth of a second in all, then given up.
 */
export async function settleFiles<T extends { readonly file: DiskFile }>(
  items: readonly T[],
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly (T & Settled)[]> {
  for (let round = 1; ; round += 1) {
    const settled = items.map((item) => ({ ...item, ...settle(item.file, clock) }))
    if (round > rounds || settled.every(({ atRest }) => atRest)) return settled
    await clock.sleep(tickMs, { signal })
  }
}

function settle(file: DiskFile, clock: Clock): Settled {
  const stamp = file.stamp()
  const ageMs = clock.now().getTime() - Math.max(toMs(stamp.modifiedNs), toMs(stamp.changedNs))
  // A stamp from the future is another machine's clock, of which nothing can be told.
  return { stamp, atRest: ageMs < 0 || ageMs > tickMs }
}

function toMs(ns: bigint): number {
  return Number(ns / 1_000_000n)
}
