import type { MachineSelector } from '../model/machine.js'
import type { BootProbe } from './boot.js'
import type { QuiescePlugin } from './quiesce.js'
import type { SourcePlugin } from './source.js'
import type { TargetPlugin } from './target.js'
import type { TransformPlugin } from './transform.js'

/** What runs together: a source, its hooks, transforms, and the targets that each keep a copy. */
export interface Pipeline {
  readonly name: string
  readonly source: SourcePlugin
  /** @defaultValue every machine of the source */
  readonly select?: MachineSelector
  /** Freeze in this order, thaw in reverse. */
  readonly quiesce?: readonly QuiescePlugin[]
  /** When a hook cannot freeze: give the machine up, or capture it with less consistency. @defaultValue `'fail'` */
  readonly onQuiesceFailure?: 'fail' | 'degrade'
  /** Encode in this order. */
  readonly transforms?: readonly TransformPlugin[]
  readonly targets: readonly PipelineTarget[]
  /** Nothing is ever pruned without one. */
  readonly retention?: RetentionPolicy
  readonly limits?: PipelineLimits
  /** Cron expression, for the scheduler that calls `holdfast run` and for reports. */
  readonly schedule?: string
  readonly objectives?: Objectives
  /** What shows that its machines are up, for `holdfast verify --boot`. */
  readonly bootProbe?: BootProbe
}

/** One target of a pipeline. */
export interface PipelineTarget {
  readonly name: string
  readonly plugin: TargetPlugin
  /** Chain for this target alone. @defaultValue the pipeline's */
  readonly transforms?: readonly TransformPlugin[]
  /**
   * Runs do not feed it: once in each period it gets a copy of each machine's newest point on the first target without `every`.
   * @defaultValue every run feeds it
   */
  readonly every?: CopyPeriod
  /** Media sets written for it are kept for this long at least, in ms; for targets with `sets`. @defaultValue as its options say */
  readonly keepMs?: number
}

/** Periods of the calendar, in UTC; weeks are those of ISO 8601. */
export const copyPeriods = ['day', 'week', 'month', 'quarter', 'year'] as const
/** One of {@link copyPeriods}. */
export type CopyPeriod = (typeof copyPeriods)[number]

/**
 * Which recovery points to keep.
 *
 * A point is kept when any rule wants it, and the newest of each machine always is.
 */
export interface RetentionPolicy {
  /** Newest points. */
  readonly last?: number
  /** Newest point of each of the last so many hours, days, weeks (ISO), months, years (all UTC). */
  readonly hourly?: number
  readonly daily?: number
  readonly weekly?: number
  readonly monthly?: number
  readonly yearly?: number
  /** Points younger than this are kept, in ms. */
  readonly minimumAgeMs?: number
  /** Never fewer than this many points whose data was verified, or that were restored and booted, after they were written. */
  readonly minimumVerified?: number
}

/** What a run may use. */
export interface PipelineLimits {
  /** Machines captured at once. @defaultValue `3` */
  readonly machines?: number
  /** Disks of one machine read at once. @defaultValue `2` */
  readonly disksPerMachine?: number
  /** Bytes read from the source a second, all machines together. @defaultValue unlimited */
  readonly readBytesPerSecond?: number
  /** Bytes written to each target a second. @defaultValue unlimited */
  readonly writeBytesPerSecond?: number
  /** Worker threads that hash and encode. @defaultValue one a processor */
  readonly workers?: number
}

/** What the business asks of a pipeline. */
export interface Objectives {
  /** Most data that may be lost: age of the newest point, in ms. */
  readonly recoveryPointMs?: number
  /** Longest that getting a machine back may take, in ms. */
  readonly recoveryTimeMs?: number
}
