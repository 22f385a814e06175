export { type HypervWriteOptions, writeHyperv } from './write-hyperv.js'
