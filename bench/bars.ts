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
  /** What we stored divided by what the peer did, at most. Speed bought with space does not count. */
  readonly storedAtMost?: number
}

/**
 * How fast a tape is kept going: bytes that went over the drive's cable in a second, against those of another program, or of ours
 * when it does nothing else.
 *
 * They are bytes of the tape on both sides. Bytes of the machine would count its holes, and what zstd saves, as if a drive had moved them.
 */
export interface RateBar {
  readonly kind: 'rate'
  readonly job: string
  readonly ours: string
  /** Job of the peer, of the same run. */
  readonly peerJob: string
  readonly peer: string
  /** Our rate divided by the peer's, at least. */
  readonly atLeast: number
  readonly moonshot: number
}

/** How much memory Holdfast may take, whatever it does. */
export interface MemoryBar {
  readonly kind: 'memory'
  /** Start of the ids of the jobs it is for. @defaultValue all */
  readonly jobs?: string
  /** Starts of the ids of the jobs it is not for. @defaultValue none */
  readonly exceptJobs?: readonly string[]
  readonly atMostBytes: number
  readonly moonshotBytes: number
}

/** How much memory the chunk index may take. */
export interface IndexBar {
  readonly kind: 'index'
  readonly atMostBytesPerChunk: number
}

export type Bar = SpeedBar | RateBar | MemoryBar | IndexBar

const full = { kind: 'speed', job: 'full', ours: 'holdfast', storedAtMost: 1.05 } as const

/** qemu-img is C: at most 1.3 times its time. */
const plainConversion = { atLeast: 1 / 1.3, moonshot: 1 }

function conversion(job: string, ratios: Pick<SpeedBar, 'atLeast' | 'moonshot'>): SpeedBar {
  return { kind: 'speed', job, ours: 'holdfast', peer: 'qemu-img', ...ratios }
}

const tapeBars: readonly RateBar[] = [
  ...['tape-write', 'tape-read'].flatMap((job) =>
    ['', ', large segments'].map((target) => {
      const labels = { ours: `holdfast${target}`, peer: `probe${target}` }
      return { kind: 'rate', job, peerJob: job, ...labels, atLeast: 0.8, moonshot: 1 } as const
    }),
  ),
  {
    kind: 'rate',
    job: 'tape-copy',
    ours: 'holdfast',
    peerJob: 'tape-write',
    peer: 'holdfast',
    atLeast: 0.7,
    moonshot: 0.9,
  },
  {
    kind: 'rate',
    job: 'tape-restore',
    ours: 'holdfast',
    peerJob: 'tape-read',
    peer: 'holdfast',
    atLeast: 0.6,
    moonshot: 0.8,
  },
]

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
  // Booting measures QEMU, and not what serves it; tapes have a bar of their own.
  { kind: 'memory', exceptJobs: ['boot-', 'tape-'], atMostBytes: 300 * mib, moonshotBytes: 150 * mib },
  ...['qcow2', 'vmdk', 'vhd', 'vhdx'].flatMap((format) => [
    conversion(`convert-raw-to-${format}`, plainConversion),
    conversion(`convert-${format}-to-raw`, plainConversion),
  ]),
  ...['qcow2-compressed', 'stream-optimized'].flatMap((kind) => [
    // A smaller output bought with time, or the other way round, is no gain.
    { ...conversion(`convert-raw-to-${kind}`, { atLeast: 1, moonshot: 2 }), storedAtMost: 1.05 },
    conversion(`convert-${kind}-to-raw`, plainConversion),
  ]),
  { kind: 'speed', job: 'qemu-full', ours: 'holdfast', peer: 'virtnbdbackup', atLeast: 2, moonshot: 3 },
  { kind: 'speed', job: 'qemu-incremental', ours: 'holdfast', peer: 'virtnbdbackup', atLeast: 1, moonshot: 2 },
  { kind: 'speed', job: 'nbd-read', ours: 'holdfast', peer: 'nbdcopy', atLeast: 0.7, moonshot: 1 },
  // Booting from a backup takes at most 1.5 times as long as from a file.
  ...['boot-disk', 'boot-kernel'].map((job) => {
    return {
      kind: 'speed',
      job,
      ours: 'holdfast serve',
      peer: 'raw file',
      atLeast: 1 / 1.5,
      moonshot: 1 / 1.1,
    } as const
  }),
  ...tapeBars,
  { kind: 'memory', jobs: 'tape-', atMostBytes: 400 * mib, moonshotBytes: 250 * mib },
  { kind: 'memory', jobs: 'convert-', atMostBytes: 250 * mib, moonshotBytes: 100 * mib },
  { kind: 'index', atMostBytesPerChunk: 64 },
]

export type Verdict = 'moonshot' | 'met' | 'missed' | 'not measured'

/** A bar with what was measured. */
export interface BarResult {
  readonly bar: Bar
  readonly verdict: Verdict
  /** Speed: peer's median time divided by ours. Rate: ours divided by the peer's. */
  readonly ratio?: number
  /** Speed: what we stored divided by what the peer did. */
  readonly storedRatio?: number
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
    case 'rate':
      return judgeRate(bar, results)
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
  const storedRatio =
    ours.storedBytes !== undefined && peer.storedBytes !== undefined ? ours.storedBytes / peer.storedBytes : undefined
  const tooLarge = bar.storedAtMost !== undefined && (storedRatio === undefined || storedRatio > bar.storedAtMost)
  const verdict = tooLarge || ratio < bar.atLeast ? 'missed' : ratio < bar.moonshot ? 'met' : 'moonshot'
  return { bar, verdict, ratio, ...(storedRatio !== undefined ? { storedRatio } : {}) }
}

function judgeRate(bar: RateBar, results: readonly JobResult[]): BarResult {
  const ours = find(results, bar.job, bar.ours)?.tapeRate
  const peer = find(results, bar.peerJob, bar.peer)?.tapeRate
  if (ours === undefined || peer === undefined) return { bar, verdict: 'not measured' }
  const ratio = ours / peer
  return { bar, verdict: ratio < bar.atLeast ? 'missed' : ratio < bar.moonshot ? 'met' : 'moonshot', ratio }
}

function judgeMemory(bar: MemoryBar, results: readonly JobResult[]): BarResult {
  const { jobs = '', exceptJobs = [] } = bar
  const judged = results.filter(({ id }) => id.startsWith(jobs) && !exceptJobs.some((start) => id.startsWith(start)))
  const peaks = judged.flatMap((result) =>
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
