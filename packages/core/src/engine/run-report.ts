import type { Tracking, UnavailableDisk } from '../contract/source.js'
import type { Consistency } from '../model/consistency.js'
import type { DiskId, MachineId, PointId } from '../model/ids.js'

/** How a run ended: `partial` when some machine, disk or target is missing, but something was stored. */
export type RunStatus = 'done' | 'partial' | 'failed'

/** What a run did; machine-readable. */
export interface RunReport {
  readonly pipeline: string
  readonly runId: string
  readonly status: RunStatus
  readonly durationMs: number
  readonly machines: readonly MachineReport[]
  readonly targets: readonly TargetReport[]
}

/** What happened to one machine. */
export interface MachineReport {
  readonly machine: string
  readonly machineId: MachineId
  readonly status: RunStatus
  readonly consistency?: Consistency
  readonly frozenMs: number
  readonly disks: readonly DiskReport[]
  readonly unavailable: readonly UnavailableDisk[]
  readonly points: readonly { readonly target: string; readonly point: PointId }[]
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string }
}

/** What happened to one disk. */
export interface DiskReport {
  readonly disk: DiskId
  readonly sizeBytes: number
  readonly readBytes: number
  readonly tracking: Tracking
}

/** What happened to one target. */
export interface TargetReport {
  readonly target: string
  readonly status: 'done' | 'failed'
  readonly storedBytes: number
  readonly newChunks: number
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string }
}
