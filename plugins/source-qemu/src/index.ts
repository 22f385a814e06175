export type { QemuSourceOptions } from './options.js'
export { plugin, type QemuSourcePlugin, qemuSource } from './qemu-source.js'
