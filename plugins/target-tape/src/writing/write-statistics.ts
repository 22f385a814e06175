/** What writing took. */
export interface WriteFigures {
  readonly writtenBytes: number
  /** From the first object to the last. */
  readonly durationMs: number
  /** How often the drive had to wait for data for longer than its own memory lasts. */
  readonly stops: number
}

/** Counts. */
export interface WriteStatistics {
  readonly queued: () => void
  readonly ranDry: () => void
  readonly wrote: (bytes: number) => void
  readonly figures: () => WriteFigures
}

/** Drives have memory for about a second of their own speed, and slow down before they stop. */
const stopAfterMs = 1000

/** Begins to count. */
export function writeStatistics(): WriteStatistics {
  let beganAt: number | undefined
  let endedAt = 0
  let driedAt: number | undefined
  let writtenBytes = 0
  let stops = 0
  return {
    queued: () => {
      const now = performance.now()
      beganAt ??= now
      if (driedAt !== undefined && now - driedAt > stopAfterMs) stops += 1
      driedAt = undefined
    },
    ranDry: () => {
      driedAt = performance.now()
    },
    wrote: (bytes) => {
      writtenBytes += bytes
      endedAt = performance.now()
    },
    figures: () => ({ writtenBytes, durationMs: Math.max(0, endedAt - (beganAt ?? endedAt)), stops }),
  }
}
