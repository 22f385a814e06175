import { type QmpSession, queryBlockJobs } from '@holdfast/protocol-qmp'
import { sourceError } from '../errors.js'

/**
 * Refuses a machine on whose disks somebody else's job works: a mirror, a commit, another backup.
 *
 * A job stands between the guest and its disk where QEMU does not show it, and a filter laid over the disk would go around it:
 * a mirror would not see what the guest writes.
 *
 * @throws BackupError `E_SOURCE_UNAVAILABLE`
 * @throws QmpError
 */
export async function refuseOtherJobs(session: QmpSession, machine: string, signal: AbortSignal): Promise<void> {
  const [job] = await queryBlockJobs(session, { signal })
  if (job === undefined) return
  throw sourceError('E_SOURCE_UNAVAILABLE', `A ${job.type} job works on the disks of machine '${machine}'.`, {
    operation: 'source.prepare',
    context: { machine, job: job.id },
    retry: 'transient',
    hint: 'Wait for it to end: only one of the two may stand between the guest and its disks.',
  })
}
