export { chunkSplits, contents } from './chunk-splits.js'
export { extents, ranges, type SparseDisk, sparseDisk } from './disks.js'
export { hostileKeys, objectKeys } from './object-keys.js'
