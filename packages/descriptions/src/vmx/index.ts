export type { VmwareDiskBus } from '../vmware/vmware-disk-bus.js'
export { readVmx } from './read-vmx.js'
export { type VmxWriteOptions, writeVmx } from './write-vmx.js'
