export { openExt } from './ext/ext.js'
export { openFat } from './fat/fat.js'
export type {
  AlternateStream,
  ByteRange,
  ByteSource,
  CallOptions,
  Entry,
  EntryType,
  FileAttribute,
  Filesystem,
  FilesystemKind,
  Metadata,
  OpenFile,
} from './filesystem.js'
export {
  FilesystemError,
  type FilesystemErrorCode,
  type FilesystemErrorOptions,
  filesystemErrorCodes,
  isFilesystemError,
} from './filesystem-error.js'
export { nameFromBytes, nameFromText, nameToBytes, nameToText } from './names/name-bytes.js'
export { openNtfs } from './ntfs/ntfs.js'
export { openFilesystem } from './open-filesystem.js'
export type { Partition, PartitionOptions } from './partitions/partition.js'
export { partitionsOf } from './partitions/partitions.js'
export { type Recognised, recognise } from './recognise.js'
export { type Volume, volumesOf } from './volumes.js'
export { openXfs } from './xfs/xfs.js'
