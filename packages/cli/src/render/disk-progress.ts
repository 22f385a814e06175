import { printable } from './printable.js'
import { formatBytes, formatDuration, formatRate } from './units.js'

/** How far a disk is, or all data of a repository. */
export interface DiskProgress {
  readonly name: string
  sizeBytes: number
  readonly startedAt: number
  positionBytes: number
  /** When a plain line last told of it. */
  shownAt: number
  /** Recent positions, oldest first: the rate is theirs, so that it follows what happens now. */
  readonly recent: { readonly at: number; readonly positionBytes: number }[]
}

const rateWindowMs = 5000
const barWidth = 20

/** Starts to follow a disk. */
export function startDisk(
  { name, sizeBytes }: { readonly name: string; readonly sizeBytes: number },
  now: number,
): DiskProgress {
  const recent = [{ at: now, positionBytes: 0 }]
  return { name: printable(name), sizeBytes, startedAt: now, positionBytes: 0, shownAt: now, recent }
}

/** Notes a new position. */
export function updateDisk(
  disk: DiskProgress,
  { positionBytes, sizeBytes }: { readonly positionBytes: number; readonly sizeBytes: number },
  now: number,
): void {
  disk.sizeBytes = sizeBytes
  disk.positionBytes = Math.max(disk.positionBytes, positionBytes)
  disk.recent.push({ at: now, positionBytes: disk.positionBytes })
  while (disk.recent.length > 2 && now - (disk.recent[0]?.at ?? now) > rateWindowMs) disk.recent.shift()
}

/** The redrawn line of a disk, cut to the terminal's width. */
export function liveLine(disk: DiskProgress, now: number, columns: number): string {
  const filled = Math.round(share(disk) * barWidth)
  const bar = `${'━'.repeat(filled)}${'╌'.repeat(barWidth - filled)}`
  return `${bar} ${diskLine(disk, now)}`.slice(0, Math.max(1, columns - 1))
}

/** A line that says how far a disk is. */
export function diskLine(disk: DiskProgress, now: number): string {
  const percent = `${Math.floor(share(disk) * 100)} %`
  const rate = bytesPerSecond(disk, now)
  const leftMs = rate > 0 ? ((disk.sizeBytes - disk.positionBytes) / rate) * 1000 : undefined
  const eta = leftMs === undefined ? '' : `, ${formatDuration(leftMs)} left`
  return `${disk.name}: ${percent} of ${formatBytes(disk.sizeBytes)}, ${formatRate(rate)}${eta}`
}

function share({ positionBytes, sizeBytes }: DiskProgress): number {
  return sizeBytes === 0 ? 1 : Math.min(1, positionBytes / sizeBytes)
}

function bytesPerSecond({ recent, positionBytes }: DiskProgress, now: number): number {
  const [oldest] = recent
  if (oldest === undefined || now <= oldest.at) return 0
  return ((positionBytes - oldest.positionBytes) / (now - oldest.at)) * 1000
}
