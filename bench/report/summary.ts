import type { ContestantResult, Round } from '../measure/run-job.ts'
import { median } from '../measure/statistics.ts'

/** What the rounds of a contestant come to. */
export interface Summary {
  readonly wallSeconds: number
  readonly fastestSeconds: number
  readonly slowestSeconds: number
  readonly cpuSeconds: number
  /** The highest of all rounds. */
  readonly peakBytes: number
  readonly storedBytes?: number
  readonly addedBytes?: number
  readonly restoredBytes?: number
  /** Bytes of tape a second, and bytes of the machine on it. */
  readonly tapeRate?: number
  readonly machineRate?: number
}

/** Reduces rounds to medians; memory to its maximum. */
export function summarise({ rounds }: ContestantResult): Summary {
  const walls = rounds.map(({ wallSeconds }) => wallSeconds)
  const repository = rounds.flatMap(({ storedBytes }) => storedBytes ?? [])
  const added = rounds.flatMap(({ addedBytes }) => addedBytes ?? [])
  const restored = rounds.flatMap(({ restoredBytes }) => restoredBytes ?? [])
  const rates = (bytesOf: (round: Round) => number | undefined) =>
    rounds.flatMap((round) => {
      const bytes = bytesOf(round)
      return bytes === undefined ? [] : bytes / (round.tapeSeconds ?? round.wallSeconds)
    })
  const tapeRates = rates(({ tapeBytes }) => tapeBytes)
  const machineRates = rates(({ machineBytes }) => machineBytes)
  return {
    wallSeconds: median(walls),
    fastestSeconds: Math.min(...walls),
    slowestSeconds: Math.max(...walls),
    cpuSeconds: median(rounds.map(({ userSeconds, systemSeconds }) => userSeconds + systemSeconds)),
    peakBytes: Math.max(...rounds.map(({ peakBytes }) => peakBytes)),
    ...(repository.length > 0 ? { storedBytes: median(repository) } : {}),
    ...(added.length > 0 ? { addedBytes: median(added) } : {}),
    ...(restored.length > 0 ? { restoredBytes: median(restored) } : {}),
    ...(tapeRates.length > 0 ? { tapeRate: median(tapeRates) } : {}),
    ...(machineRates.length > 0 ? { machineRate: median(machineRates) } : {}),
  }
}
