import { isQmpError, printable, QmpError } from '../qmp-error.js'
import type { JobInfo } from '../wire/jobs.js'
import type { CallOptions } from './call-options.js'
import { withDeadline } from './deadline.js'
import type { QmpSession } from './qmp-session.js'
import { queryJobs } from './queries.js'

/** What following a job needs of a session. */
export type JobSession = Pick<QmpSession, 'execute' | 'expectEvent'>

/** A job to run. */
export interface RunJob {
  /** The `job-id` that `start` gives the job. No other job may have it. */
  readonly id: string
  /** Sends the command that starts the job, with `auto-dismiss: false` where the command has that option. */
  readonly start: (signal: AbortSignal) => Promise<unknown>
  /** Called for each new status before `concluded`; for `ready` and `pending` it may send what the job waits for. */
  readonly onStatus?: (job: JobInfo) => void | Promise<void>
}

/** How long to follow a job. */
export interface JobOptions extends CallOptions {
  /** Time for the whole job. @defaultValue Infinity */
  readonly timeoutMs?: number | undefined
  /** A job is also asked for this often, so that a QEMU that hangs is noticed. @defaultValue 1000 */
  readonly pollMs?: number | undefined
}

/** How long a job that is no longer wanted may take to end. */
const cancelTimeoutMs = 10_000

/**
 * Starts a job, follows it until it has concluded, and dismisses it.
 *
 * Guarantee: the job is gone when this settles, unless the message of the error says that it may be left.
 * Abort: cancels the job and waits at most 10 s for its end. The same goes for a timeout.
 *
 * @throws QmpError `job` with QEMU's words as `desc` when the job failed or was cancelled, `command` when QEMU refused to start it,
 *   and the codes of `execute`
 */
export async function runJob(session: JobSession, job: RunJob, options: JobOptions = {}): Promise<JobInfo> {
  const { signal, timeoutMs, pollMs = 1000 } = options
  const concluded = await withDeadline(
    { what: `The end of job ${job.id}` },
    { signal, timeoutMs },
    async (deadline) => {
      let mayRun = true
      try {
        await job.start(deadline).catch((error: unknown) => {
          mayRun = !isQmpError(error) || error.code !== 'command'
          throw error
        })
        const found = await follow(session, job.id, { signal: deadline, pollMs, onStatus: job.onStatus })
        mayRun = found !== undefined
        if (found === undefined) throw goneError(job.id)
        return found
      } catch (error) {
        if (mayRun) await abandon(session, job.id, error)
        throw error
      }
    },
  )
  await unlessRefused(session.execute('job-dismiss', { id: job.id }))
  if (concluded.error !== undefined) throw failedError(concluded.id, concluded.error)
  return concluded
}

/**
 * Cancels a job, follows it until it has ended, and dismisses it. For jobs that never end by themselves, such as a
 * `blockdev-backup` with `sync: none`, and for those whose outcome is not wanted.
 *
 * @returns the job as it ended, or undefined when there is none (any more)
 * @throws QmpError with the codes of `execute`
 */
export async function cancelJob(
  session: JobSession,
  id: string,
  options: JobOptions = {},
): Promise<JobInfo | undefined> {
  const { signal, timeoutMs, pollMs = 1000 } = options
  return await withDeadline({ what: `The end of job ${id}` }, { signal, timeoutMs }, async (deadline) => {
    await unlessRefused(session.execute('job-cancel', { id }, { signal: deadline }))
    const ended = await follow(session, id, { signal: deadline, pollMs })
    if (ended !== undefined) await unlessRefused(session.execute('job-dismiss', { id }, { signal: deadline }))
    return ended
  })
}

interface Following {
  readonly signal: AbortSignal
  readonly pollMs: number
  readonly onStatus?: RunJob['onStatus']
}

async function follow(session: JobSession, id: string, following: Following): Promise<JobInfo | undefined> {
  const { signal, pollMs, onStatus } = following
  let status: string | undefined
  for (;;) {
    // Expected before it is asked for, so that a change between the two is not slept through.
    using change = session.expectEvent(({ name, data }) => name === 'JOB_STATUS_CHANGE' && data['id'] === id, {
      signal,
      timeoutMs: pollMs,
    })
    const job = (await queryJobs(session, { signal })).find((found) => found.id === id)
    if (job === undefined || job.status === 'concluded') return job
    if (job.status !== status) await onStatus?.(job)
    status = job.status
    await change.event.catch((error: unknown) => {
      if (!isQmpError(error) || error.code !== 'timeout' || signal.aborted) throw error
    })
  }
}

/** A job that has ended, or is not there, refuses to be cancelled or dismissed: then there is nothing to do. */
async function unlessRefused(command: Promise<unknown>): Promise<void> {
  try {
    await command
  } catch (error) {
    if (!isQmpError(error) || error.code !== 'command') throw error
  }
}

async function abandon(session: JobSession, id: string, reason: unknown): Promise<void> {
  try {
    await cancelJob(session, id, { timeoutMs: cancelTimeoutMs })
  } catch {
    const { code, message } = isQmpError(reason)
      ? reason
      : { code: 'job' as const, message: `Following job ${id} failed` }
    throw new QmpError(code, `${message}; job ${id} may be left in QEMU`, {
      cause: reason,
      hint: `Look for it with query-jobs, then send job-cancel and job-dismiss for ${id}.`,
    })
  }
}

function goneError(id: string): QmpError {
  return new QmpError('job', `Job ${id} was gone before its outcome could be read`, {
    hint: 'Start it with auto-dismiss: false.',
  })
}

function failedError(id: string, desc: string): QmpError {
  return new QmpError('job', `Job ${id} failed: ${printable(desc)}`, { desc })
}
