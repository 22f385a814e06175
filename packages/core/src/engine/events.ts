import type { Consistency } from '../model/consistency.js'
import type { DiskId, MachineId, PointId } from '../model/ids.js'
import type { RunStatus } from './run-report.js'

/**
 * What happens while the engine works; `--json` prints each as one line. Fields are only ever added.
 *
 * Times are ISO 8601, sizes bytes, durations milliseconds.
 */
export type EngineEvent =
  | { readonly type: 'run-started'; readonly pipeline: string; readonly runId: string; readonly machines: number }
  | { readonly type: 'machine-started'; readonly machine: string; readonly machineId: MachineId }
  | {
      readonly type: 'machine-frozen'
      readonly machine: string
      readonly hook: string
      readonly consistency: Consistency
    }
  | { readonly type: 'machine-thawed'; readonly machine: string; readonly hook: string; readonly frozenMs: number }
  | {
      readonly type: 'disk-started'
      readonly machine: string
      readonly disk: DiskId
      readonly sizeBytes: number
      readonly mode: 'full' | 'incremental'
      readonly reason: string
    }
  | {
      readonly type: 'disk-progress'
      readonly machine: string
      readonly disk: DiskId
      readonly sizeBytes: number
      readonly positionBytes: number
      readonly transferredBytes: number
    }
  | { readonly type: 'disk-finished'; readonly machine: string; readonly disk: DiskId; readonly readBytes: number }
  | { readonly type: 'disk-unavailable'; readonly machine: string; readonly disk: DiskId; readonly reason: string }
  | { readonly type: 'target-failed'; readonly target: string; readonly code: string; readonly message: string }
  | {
      readonly type: 'point-committed'
      readonly machine: string
      readonly target: string
      readonly point: PointId
      readonly storedBytes: number
    }
  | { readonly type: 'machine-finished'; readonly machine: string; readonly status: RunStatus; readonly error?: string }
  | {
      readonly type: 'run-finished'
      readonly pipeline: string
      readonly status: RunStatus
      readonly durationMs: number
    }
  | {
      readonly type: 'copy-started'
      readonly pipeline: string
      readonly target: string
      readonly points: number
    }
  | {
      readonly type: 'copy-finished'
      readonly pipeline: string
      readonly target: string
      readonly status: 'done' | 'failed'
      readonly copied: number
    }
  | { readonly type: 'verify-progress'; readonly checkedBytes: number; readonly totalBytes: number }
  | {
      readonly type: 'damage-found'
      readonly object: string
      readonly machines: readonly string[]
      readonly message: string
    }
  | {
      readonly type: 'boot-started'
      readonly machine: string
      readonly point: PointId
      /** Name of the machine that is started, and gone afterwards. */
      readonly name: string
      readonly source: string
      readonly probe: string
    }
  | {
      readonly type: 'boot-finished'
      readonly machine: string
      readonly point: PointId
      readonly passed: boolean
      readonly restoreMs: number
      readonly totalMs: number
      readonly bootMs?: number
      /** Code of the error when it did not pass. */
      readonly code?: string
    }
  | { readonly type: 'step'; readonly message: string }

/** Receives events; must not throw and returns at once. */
export type OnEvent = (event: EngineEvent) => void
