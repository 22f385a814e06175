import type { IndexMeasurement } from './measure/measure-index.ts'
import type { JobResult } from './measure/run-job.ts'
import { type Summary, summarise } from './report/summary.ts'
import { mib } from './workloads/units.ts'

/** How much faster than a peer Holdfast has to be at a job. */
export interface SpeedBar {
  readonly kind: 'speed'
  readonly job: string
  readonly ours: string
  readonly peer: string
  /** Peer's time divided by ours, at least. */
  readonly atLeast: number
  readonly moonshot: number
  /** Our repository divided by the peer's, at most. Speed bought with space does not count. */
  readonly repositoryAtMost?: number
}

/** How much memory Holdfast may take, whatever it does. */
export interface MemoryBar {
  readonly kind: 'memory'
  readonly atMostBytes: number
  readonly moonshotBytes: number
}

/** How much memory the chunk index may take. */
export interface IndexBar {
  readonly kind: 'index'
  readonly atMostBytesPerChunk: number
}

export type Bar = SpeedBar | MemoryBar | IndexBar

const full = { kind: 'speed', job: 'full', ours: 'holdfast', repositoryAtMost: 1.05 } as const

/** What Holdfast promises. */
export const bars: readonly Bar[] = [
  { ...full, peer: 'restic', atLeast: 2, moonshot: 3 },
  { ...full, peer: 'borg', atLeast: 2.2, moonshot: 3.5 },
  { kind: 'speed', job: 'level-1', ours: 'holdfast', peer: 'zstd -1 -T2', atLeast: 0.85, moonshot: 1 },
  { kind: 'speed', job: 'day-2', ours: 'holdfast', peer: 'restic', atLeast: 5, moonshot: 8 },
  { kind: 'speed', job: 'day-2', ours: 'holdfast, changes given', peer: 'restic', atLeast: 9, moonshot: 20 },
  { kind: 'speed', job: 'clones', ours: 'holdfast', peer: 'restic', atLeast: 5, moonshot: 8 },
  { kind: 'speed', job: 'restore', ours: 'holdfast', peer: 'restic', atLeast: 1.6, moonshot: 2.5 },
  { kind: 'speed', job: 'verify', ours: 'holdfast', peer: 'restic', atLeast: 2, moonshot: 3 },
  { kind: 'speed', job: 'incompressible', ours: 'holdfast', peer: 'restic', atLeast: 4, moonshot: 6 },
  { kind: 'memory', atMostBytes: 300 * mib, moonshotBytes: 150 * mib },
  { kind: 'index', atMostBytesPerChunk: 64 },
]

export type Verdict = 'moonshot' | 'met' | 'missed' | 'not measured'

/** A bar with what was measured. */
export interface BarResult {
  readonly bar: Bar
  readonly verdict: Verdict
  /** Speed: peer's median time divided by ours. */
  readonly ratio?: number
  /** Speed: our repository divided by the peer's. */
  readonly repositoryRatio?: number
  /** Memory: the highest of all of Holdfast's runs, and where it was. */
  /** Index: bytes held a chunk. */
  readonly bytesPerChunk?: number
  readonly peak?: { readonly bytes: number; readonly job: string; readonly label: string }
}

/** Holds the results against a bar. */
export function judge(bar: Bar, results: readonly JobResult[], index?: IndexMeasurement): BarResult {
  switch (bar.kind) {
    case 'speed':
      return judgeSpeed(bar, results)
    case 'memory':
      return judgeMemory(bar, results)
    case 'index':
      return judgeIndex(bar, index)
  }
}

function judgeSpeed(bar: SpeedBar, results: readonly JobResult[]): BarResult {
  const ours = find(results, bar.job, bar.ours)
  const peer = find(results, bar.job, bar.peer)
  if (ours === undefined || peer === undefined) return { bar, verdict: 'not measured' }
  const ratio = peer.wallSeconds / Math.max(ours.wallSeconds, 0.01)
  const repositoryRatio =
    ours.repositoryBytes !== undefined && peer.repositoryBytes !== undefined
      ? ours.repositoryBytes / peer.repositoryBytes
      : undefined
  const tooLarge =
    bar.repositoryAtMost !== undefined && (repositoryRatio === undefined || repositoryRatio > bar.repositoryAtMost)
  const verdict = tooLarge || ratio < bar.atLeast ? 'missed' : ratio < bar.moonshot ? 'met' : 'moonshot'
  return { bar, verdict, ratio, ...(repositoryRatio !== undefined ? { repositoryRatio } : {}) }
}

function judgeMemory(bar: MemoryBar, results: readonly JobResult[]): BarResult {
  const peaks = results.flatMap((result) =>
    result.contestants
      .filter(({ label }) => isOurs(label))
      .map((contestant) => ({ bytes: summarise(contestant).peakBytes, job: result.id, label: contestant.label })),
  )
  const peak = peaks.toSorted((left, right) => right.bytes - left.bytes)[0]
  if (peak === undefined) return { bar, verdict: 'not measured' }
  const verdict = peak.bytes > bar.atMostBytes ? 'missed' : peak.bytes > bar.moonshotBytes ? 'met' : 'moonshot'
  return { bar, verdict, peak }
}

function judgeIndex(bar: IndexBar, index: IndexMeasurement | undefined): BarResult {
  if (index === undefined) return { bar, verdict: 'not measured' }
  const bytesPerChunk = index.heldBytesPerChunk
  return { bar, verdict: bytesPerChunk > bar.atMostBytesPerChunk ? 'missed' : 'met', bytesPerChunk }
}

/** Tells Holdfast's contestants from the peers and floors. */
export function isOurs(label: string): boolean {
  return label.startsWith('holdfast')
}

function find(results: readonly JobResult[], job: string, label: string): Summary | undefined {
  const contestant = results.find(({ id }) => id === job)?.contestants.find((candidate) => candidate.label === label)
  return contestant === undefined ? undefined : summarise(contestant)
}
