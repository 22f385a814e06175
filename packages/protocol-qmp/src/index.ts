export type { CallOptions } from './client/call-options.js'
export { type ConnectGuestAgentOptions, connectGuestAgent } from './client/connect-guest-agent.js'
export { type ConnectQmpOptions, connectQmp } from './client/connect-qmp.js'
export type { EventMatch, ExpectedEvent } from './client/event-hub.js'
export type { GuestAgent, GuestProgram } from './client/guest-agent.js'
export { cancelJob, type JobOptions, type JobSession, type RunJob, runJob } from './client/jobs.js'
export type { Endpoint } from './client/open-stream.js'
export type { QmpSession } from './client/qmp-session.js'
export {
  type QmpExecutor,
  queryBlockDevices,
  queryBlockExports,
  queryBlockJobs,
  queryBlockNodes,
  queryJobs,
  queryObjectNames,
  queryStatus,
  queryVersion,
} from './client/queries.js'
export { isQmpError, QmpError, type QmpErrorCode, type QmpErrorOptions, qmpErrorCodes } from './qmp-error.js'
export type { BlockDevice } from './wire/block-devices.js'
export type { BlockNode, DirtyBitmap } from './wire/block-nodes.js'
export type { CommandArguments } from './wire/command.js'
export type { JsonRecord } from './wire/fields.js'
export type {
  FreezeState,
  GuestCommand,
  GuestDisk,
  GuestExecResult,
  GuestFileSystem,
  GuestInfo,
} from './wire/guest-answers.js'
export type { BlockJobInfo, JobInfo } from './wire/jobs.js'
export type { BlockExport, MachineStatus } from './wire/machine-status.js'
export type { QmpEvent } from './wire/qmp-message.js'
export type { QemuVersion } from './wire/version.js'
