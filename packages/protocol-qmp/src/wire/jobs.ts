import { flagOf, listOf, optional, recordOf, sizeOf, textOf } from './fields.js'

/** A background job of QEMU. */
export interface JobInfo {
  readonly id: string
  /** Such as `backup`, `create`, `mirror`. */
  readonly type: string
  /**
   * `created`, `running`, `paused`, `ready`, `standby`, `waiting`, `pending`, `aborting`, `concluded`, or one that a
   * later QEMU adds.
   */
  readonly status: string
  /** In a unit of the job's own, up to `totalProgress`. */
  readonly progress: number
  /** An estimate that may grow. */
  readonly totalProgress: number
  /** Why the job failed, in QEMU's words; undefined unless it concluded and failed. */
  readonly error: string | undefined
}

/** A background job of the block layer. */
export interface BlockJobInfo {
  /** The job's id, which QEMU calls its device. */
  readonly id: string
  readonly type: string
  readonly status: string
  readonly offsetBytes: number
  readonly lengthBytes: number
  /** 0 for no limit. */
  readonly speedBytesPerSecond: number
  readonly isReady: boolean
  readonly isPaused: boolean
  /** `ok`, `failed` or `nospace`. */
  readonly ioStatus: string
}

/** Reads the answer to `query-jobs`. */
export function readJobs(value: unknown): readonly JobInfo[] {
  return listOf(value, 'The list of jobs', (member, where) => {
    const job = recordOf(member, where)
    return {
      id: textOf(job['id'], 'The id of a job'),
      type: textOf(job['type'], 'The type of a job'),
      status: textOf(job['status'], 'The status of a job'),
      progress: sizeOf(job['current-progress'], 'The progress of a job'),
      totalProgress: sizeOf(job['total-progress'], 'The total progress of a job'),
      error: optional(job['error'], 'The error of a job', textOf),
    }
  })
}

/** Reads the answer to `query-block-jobs`. */
export function readBlockJobs(value: unknown): readonly BlockJobInfo[] {
  return listOf(value, 'The list of block jobs', (member, where) => {
    const job = recordOf(member, where)
    return {
      id: textOf(job['device'], 'The id of a block job'),
      type: textOf(job['type'], 'The type of a block job'),
      status: textOf(job['status'], 'The status of a block job'),
      offsetBytes: sizeOf(job['offset'], 'The offset of a block job'),
      lengthBytes: sizeOf(job['len'], 'The length of a block job'),
      speedBytesPerSecond: sizeOf(job['speed'], 'The speed of a block job'),
      isReady: flagOf(job['ready'], 'ready of a block job'),
      isPaused: flagOf(job['paused'], 'paused of a block job'),
      ioStatus: textOf(job['io-status'], 'The I/O status of a block job'),
    }
  })
}
