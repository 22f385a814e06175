export {
  type DescribedDisk,
  type DescribedMachine,
  type DescriptionInput,
  type DiskController,
  type ImageFormatName,
  type Note,
  neutralMachine,
  type ReadOptions,
} from './described-machine.js'
export { type HypervWriteOptions, writeHyperv } from './hyperv/index.js'
export { type LibvirtDiskBus, type LibvirtWriteOptions, readLibvirt, writeLibvirt } from './libvirt/index.js'
export {
  listOva,
  type ManifestAlgorithm,
  type ManifestEntry,
  type ManifestVerdict,
  type Ova,
  type OvaContent,
  type OvaMember,
  type OvaOptions,
  type OvaPart,
  type OvfFile,
  type OvfPackage,
  type OvfWriteOptions,
  ovaParts,
  type PositionedBytes,
  parseManifest,
  partOf,
  readOva,
  readOvf,
  type VmwareDiskBus,
  verifyManifest,
  writeManifest,
  writeOvf,
} from './ovf/index.js'
export { descriptionFormat, type ReadableFormat, readDescription } from './read-description.js'
export { readVmx, type VmxWriteOptions, writeVmx } from './vmx/index.js'
export type { Mapping, NativeOptions, PlacedDisk, WriteOptions, WrittenDescription } from './written-description.js'
