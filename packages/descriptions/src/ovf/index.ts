export type { VmwareDiskBus } from '../vmware/vmware-disk-bus.js'
export { listOva, type OvaMember } from './list-ova.js'
export {
  type ManifestAlgorithm,
  type ManifestEntry,
  type ManifestVerdict,
  parseManifest,
  verifyManifest,
  writeManifest,
} from './manifest.js'
export { type OvaContent, type OvaOptions, type OvaPart, ovaParts } from './ova-parts.js'
export type { OvfWriteOptions } from './ovf-options.js'
export type { OvfFile, OvfPackage } from './ovf-package.js'
export { type PositionedBytes, partOf } from './positioned-bytes.js'
export { type Ova, readOva } from './read-ova.js'
export { readOvf } from './read-ovf.js'
export { writeOvf } from './write-ovf.js'
