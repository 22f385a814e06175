import { type BlockDevice, readBlockDevices } from '../wire/block-devices.js'
import { type BlockNode, readBlockNodes } from '../wire/block-nodes.js'
import { type BlockJobInfo, type JobInfo, readBlockJobs, readJobs } from '../wire/jobs.js'
import { type BlockExport, type MachineStatus, readBlockExports, readMachineStatus } from '../wire/machine-status.js'
import { readObjectNames } from '../wire/object-names.js'
import { type QemuVersion, readVersion } from '../wire/version.js'
import type { CallOptions } from './call-options.js'
import type { QmpSession } from './qmp-session.js'

/** What a query needs of a session. */
export type QmpExecutor = Pick<QmpSession, 'execute'>

/** Asks for the nodes of the block graph with their dirty bitmaps. @throws QmpError */
export async function queryBlockNodes(session: QmpExecutor, options?: CallOptions): Promise<readonly BlockNode[]> {
  // flat: without it each node repeats its whole chain of backing files.
  return readBlockNodes(await session.execute('query-named-block-nodes', { flat: true }, options))
}

/** Asks for the disks and drives of the machine. @throws QmpError */
export async function queryBlockDevices(session: QmpExecutor, options?: CallOptions): Promise<readonly BlockDevice[]> {
  return readBlockDevices(await session.execute('query-block', undefined, options))
}

/** Asks for all jobs, those of the block layer among them. @throws QmpError */
export async function queryJobs(session: QmpExecutor, options?: CallOptions): Promise<readonly JobInfo[]> {
  return readJobs(await session.execute('query-jobs', undefined, options))
}

/** Asks for the jobs of the block layer, with their bytes. @throws QmpError */
export async function queryBlockJobs(session: QmpExecutor, options?: CallOptions): Promise<readonly BlockJobInfo[]> {
  return readBlockJobs(await session.execute('query-block-jobs', undefined, options))
}

/** Asks which nodes are served to others. @throws QmpError */
export async function queryBlockExports(session: QmpExecutor, options?: CallOptions): Promise<readonly BlockExport[]> {
  return readBlockExports(await session.execute('query-block-exports', undefined, options))
}

/** Asks whether the machine runs. @throws QmpError */
export async function queryStatus(session: QmpExecutor, options?: CallOptions): Promise<MachineStatus> {
  return readMachineStatus(await session.execute('query-status', undefined, options))
}

/** Asks for QEMU's version. @throws QmpError */
export async function queryVersion(session: QmpExecutor, options?: CallOptions): Promise<QemuVersion> {
  return readVersion(await session.execute('query-version', undefined, options))
}

/** Asks for the names of the objects that a user made, such as I/O threads and throttle groups. @throws QmpError */
export async function queryObjectNames(session: QmpExecutor, options?: CallOptions): Promise<readonly string[]> {
  return readObjectNames(await session.execute('qom-list', { path: '/objects' }, options))
}
