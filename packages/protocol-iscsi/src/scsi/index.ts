export { hexOf } from './bytes.js'
export {
  decodeElementAddresses,
  type ElementAddresses,
  type ElementRange,
  elementAddresses,
} from './changer/element-addresses.js'
export type { Element, ElementDeviceId, ElementType, VolumeTag } from './changer/element-descriptor.js'
export {
  decodeElementStatus,
  type ElementQuery,
  type ElementStatus,
  type Inventory,
  type InventoryOptions,
  readElementStatus,
  readInventory,
} from './changer/element-status.js'
export {
  type Exchange,
  exchangeMedium,
  initializeElementStatus,
  type Move,
  moveMedium,
  positionToElement,
  setImportExportDoor,
} from './changer/move.js'
export { type CommandOptions, errorOfAnswer, issue, type Reply, type Request } from './issue.js'
export {
  type AttributeFormat,
  decodeAttributes,
  encodeAttributes,
  hostAttribute,
  type MediumAttribute,
  type MediumMemory,
  mediumAttribute,
  readAttributes,
  summarizeAttributes,
  writeAttributes,
} from './primary/attributes.js'
export {
  type Designator,
  decodeDesignators,
  decodeInquiry,
  decodeVitalPage,
  designators,
  type Inquiry,
  inquiry,
  peripheralType,
  type StreamCapabilities,
  streamCapabilities,
  supportedVitalPages,
  unitSerialNumber,
} from './primary/inquiry.js'
export {
  decodeLogPage,
  decodeTapeCapacity,
  decodeVolumeStatistics,
  type LogPage,
  logSense,
  type TapeCapacity,
  tapeCapacityPage,
  type VolumeStatistics,
  volumeStatisticsPage,
} from './primary/log.js'
export {
  type BlockDescriptor,
  decodeModeParameters,
  encodeModeParameters,
  type ModeChange,
  type ModeForm,
  type ModePage,
  type ModeParameters,
  type ModeQuery,
  modeSelect,
  modeSense,
} from './primary/mode.js'
export {
  type Compression,
  compressionPage,
  type DeviceConfiguration,
  decodeCompression,
  decodeDeviceConfiguration,
  decodeMediumConfiguration,
  deviceConfigurationPage,
  type MediumConfiguration,
  mediumConfigurationPage,
  pageOf,
  withCompression,
} from './primary/mode-pages.js'
export {
  changeReservation,
  decodeReservation,
  decodeReservationKeys,
  type HeldReservation,
  type RegisteredKeys,
  type ReservationChange,
  readReservation,
  readReservationKeys,
  releaseExclusively,
  releaseUnit,
  reservationType,
  reserveExclusively,
  reserveUnit,
} from './primary/reservation.js'
export {
  decodeTapeAlerts,
  type TapeAlert,
  type TapeAlertSeverity,
  tapeAlertPage,
  tapeAlerts,
} from './primary/tape-alert.js'
export {
  awaitReady,
  decodeLuns,
  decodeSupportedOperations,
  preventRemoval,
  type ReadyOptions,
  reportLuns,
  reportSupportedOperations,
  requestSense,
  type SupportedOperation,
  testUnitReady,
} from './primary/unit.js'
export type { ScsiAnswer, ScsiCommand, ScsiDevice } from './scsi-device.js'
export { isScsiError, ScsiError, type ScsiErrorCode, type ScsiErrorOptions, scsiErrorCodes } from './scsi-error.js'
export { describeAdditionalSense } from './sense/additional-sense.js'
export { decodeSense, type Sense } from './sense/sense.js'
export { codeOfSense } from './sense/sense-code.js'
export { senseKey, senseKeyName } from './sense/sense-key.js'
export { scsiStatus } from './status.js'
export {
  type BlockLimits,
  type Density,
  decodeBlockLimits,
  decodeDensities,
  readBlockLimits,
  reportDensities,
} from './stream/block-limits.js'
export { type FilemarkOptions, flush, writeFilemarks } from './stream/filemarks.js'
export { type EraseOptions, erase, type ImmediateOptions, loadMedium, rewind, unloadMedium } from './stream/load.js'
export { type LocateOptions, type LocateTarget, locate } from './stream/locate.js'
export { decodePosition, type PositionForm, readPosition, type TapePosition } from './stream/position.js'
export {
  isEarlyWarning,
  type ReadBlocksResult,
  type ReadResult,
  readBlock,
  readBlocks,
  type WriteResult,
  writeBlock,
  writeBlocks,
} from './stream/read-write.js'
export {
  type SpaceOptions,
  type SpaceResult,
  spaceBlocks,
  spaceFilemarks,
  spaceToEndOfData,
} from './stream/space.js'
export { commandTimeoutsMs } from './timeouts.js'
