export {
  type AgentProbe,
  type BootedMachine,
  type BootProbe,
  bootFailed,
  type CommandProbe,
  checkBootProbe,
  describeBootProbe,
  type SerialProbe,
  serialPatternMatches,
} from './contract/boot.js'
export type { CallOptions, Clock, LogFields, Logger, PluginContext } from './contract/context.js'
export {
  checkPlugin,
  type Definition,
  defineQuiesce,
  defineSource,
  defineTarget,
  defineTransform,
  type Merged,
} from './contract/define.js'
export {
  BackupError,
  type BackupErrorOptions,
  type ErrorCode,
  errorCodes,
  isBackupError,
  type RetryClass,
} from './contract/errors.js'
export { checkFacets, sessionFacets } from './contract/facets.js'
export type {
  LibraryDrive,
  LibraryFacet,
  LibraryMedium,
  LibraryPlace,
  LibraryPlaceName,
  OverwriteOptions,
  RebuildOptions,
} from './contract/library.js'
export type {
  MediaFacet,
  MediaHandling,
  MediaSet,
  MediaSetsFacet,
  Medium,
  NeededMedium,
  WriteSetOptions,
} from './contract/media.js'
export { maxObjectKeyLength, objectKey } from './contract/object-key.js'
export { parseOptions } from './contract/parse-options.js'
export {
  type CopyPeriod,
  copyPeriods,
  type Objectives,
  type Pipeline,
  type PipelineLimits,
  type PipelineTarget,
  type RetentionPolicy,
} from './contract/pipeline.js'
export {
  apiVersion,
  type OpenablePlugin,
  type OptionsIssue,
  type OptionsResult,
  type OptionsSchema,
  type Plugin,
  type PluginBase,
  type PluginKind,
  type PluginModule,
} from './contract/plugin.js'
export type {
  FreezeResult,
  QuiesceCapabilities,
  QuiesceChannel,
  QuiescePlugin,
  QuiesceSession,
  QuiesceState,
} from './contract/quiesce.js'
export {
  describeSecretReference,
  isSecretReference,
  type SecretReference,
  type SecretValue,
  secretValue,
} from './contract/secret.js'
export type {
  Capture,
  CapturedDisk,
  CaptureRequest,
  Placement,
  PreparedCapture,
  ProvisionedMachine,
  RestoreFacet,
  SourceCapabilities,
  SourcePlugin,
  SourceSession,
  Tracking,
  UnavailableDisk,
  WritableDisk,
} from './contract/source.js'
export type {
  CapacityFacet,
  GetOptions,
  ImmutabilityFacet,
  ObjectInfo,
  OrderingFacet,
  PutOptions,
  TargetCapabilities,
  TargetPlugin,
  TargetSession,
} from './contract/target.js'
export type {
  CodecModule,
  CodecParameters,
  FrameContext,
  TransformCapabilities,
  TransformCodec,
  TransformPlugin,
} from './contract/transform.js'
export { parseDurationMs, parseSizeBytes } from './contract/units.js'
export { untilAborted } from './contract/until-aborted.js'
export { wrapSource, wrapTarget } from './contract/wrap.js'
export { type Consistency, strongerConsistency } from './model/consistency.js'
export type { Extent, ExtentKind } from './model/extent.js'
export type { Branded, ChangeToken, DiskId, MachineId, ObjectKey, PointId } from './model/ids.js'
export type { DiskSpec, Machine, MachineRef, MachineSelector, NativeConfiguration, NicSpec } from './model/machine.js'
export { machineMatches } from './model/machine-selection.js'
export { printableEnd } from './model/printable-end.js'
