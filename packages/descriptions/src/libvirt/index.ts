export type { LibvirtDiskBus, LibvirtWriteOptions } from './libvirt-options.js'
export { readLibvirt } from './read-libvirt.js'
export { writeLibvirt } from './write-libvirt.js'
