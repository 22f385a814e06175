export { type QemuArguments, type QemuOptions, qemuArguments } from './qemu-arguments.js'
export { writeQemu } from './write-qemu.js'
