export { type DiskTargetCapabilities, diskTarget, plugin } from './disk-target.js'
export type { FileStatus, FileSystem, FolderEntry, OpenFile, VolumeStatus } from './file-system.js'
export type { DiskTargetOptions } from './options.js'
