export type { GuestScripts, TransportOption, VmwareSourceOptions } from './options.js'
export { plugin, type VmwareSourcePlugin, vmwareSource } from './vmware-source.js'
