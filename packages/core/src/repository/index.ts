export { blockBytes, type CuttingParameters, cutPiece, regionBytes } from './chunk-cutter.js'
export { type ChunkHash, type ChunkHasher, type ChunkIdentity, chunkHasher, chunkHashes } from './chunk-id.js'
export {
  type ChunkIndex,
  type ChunkLocation,
  createChunkIndex,
  type IndexedPack,
  type IndexRun,
} from './chunk-index.js'
export type { ChainLink, FramePack, StoredTransform } from './codec-chain.js'
export type { RepositoryDescription } from './description.js'
export { type ChunkPlace, indexRecordBytes } from './index-record.js'
export type { DamagedPoint } from './manifest-store.js'
export { type ObjectStore, objectStore, type Throttle } from './object-store.js'
export type { PointEntry, PointStore } from './point-store.js'
export { byAge, choosePoint } from './point-store.js'
export type { QuiesceRecord, RecoveryPoint, StoredDisk } from './recovery-point.js'
export {
  type InitOptions,
  initRepository,
  openRepository,
  type Repository,
  type RepositoryAccess,
} from './repository.js'
export { type RetryPolicy, retrying } from './retry.js'
export type {
  BootAttempt,
  BootEvidence,
  BootFailed,
  BootPassed,
  DataVerification,
  Verification,
  Witness,
} from './verification.js'
