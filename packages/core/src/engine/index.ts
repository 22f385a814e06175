export type { ChainLink, FramePack } from '../repository/codec-chain.js'
export { type BootingSource, type OpenBootingSource, openBootingSource } from './booting-source.js'
export type { SupplyFacts } from './chunk-supply.js'
export { type CopyDueOptions, copyDue, type ScheduledCopyReport } from './copy-due.js'
export { type CopyOptions, type CopyReport, copyPoints } from './copy-points.js'
export { type DiskDifference, diffPoints } from './diff-points.js'
export { type CopiedPoint, type DueCopies, type DueCopiesOptions, dueCopies } from './due-copies.js'
export type { EngineEvent, OnEvent } from './events.js'
export { type EngineHost, engineHost, pluginContext, silentLogger, systemClock } from './host.js'
export { addKey, type KeyReport, type KeySlotInfo, listKeys, revokeKey, rotateKeys } from './manage-keys.js'
export { type NeededMediaOptions, neededMedia } from './needed-media.js'
export {
  type OpenPointDisksOptions,
  openPointDisks,
  type PointDisks,
} from './open-point-disks.js'
export { type OpenRepositories, openTargetRepositories, type SetRepository } from './open-sets.js'
export {
  type OpenRepositoryOptions,
  type OpenRepositoryTarget,
  type OpenTarget,
  openTarget,
  openTargetRepository,
  repositoryAccess,
  type TargetAccess,
} from './open-target.js'
export { type OverlayDisk, type OverlayOptions, overlayDisk } from './overlay-disk.js'
export { chainOf, checkPipeline, type Plan, type PlanProblem, planPipeline, type TargetPlan } from './plan-pipeline.js'
export { type PruneDecision, type PruneOptions, type PruneReport, pruneRepository } from './prune-repository.js'
export type { ReadableDisk } from './readable-disk.js'
export { type RepairOptions, type RepairReport, repairRepository } from './repair-repository.js'
export {
  type PointRestore,
  type Provision,
  type RestoreOptions,
  type RestorePointsOptions,
  type RestoreReport,
  restorePoint,
  restorePoints,
} from './restore-point.js'
export { restoreScriptBytes } from './restore-script.js'
export { openRestoringSource, type RestoringSource } from './restoring-source.js'
export { decideRetention, type RetainedPoint, type RetentionDecision } from './retention.js'
export { type RunOptions, runPipeline } from './run-pipeline.js'
export type { DiskReport, MachineReport, RunReport, RunStatus, TargetReport } from './run-report.js'
export type { ShowContents, ShownContents } from './shown-contents.js'
export { type VerifyBootOptions, type VerifyBootReport, verifyBoot } from './verify-boot.js'
export {
  type Damage,
  type VerifiedPoint,
  type VerifyOptions,
  type VerifyReport,
  verifyRepository,
} from './verify-repository.js'
export { type WorkerPool, workerPool } from './worker-pool.js'
