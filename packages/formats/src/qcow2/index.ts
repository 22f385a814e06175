export { createQcow2 } from './create-qcow2.js'
export { qcow2Codec } from './qcow2-codec.js'
export type { Qcow2Backing, Qcow2Compression, Qcow2WriterOptions } from './writer-options.js'
