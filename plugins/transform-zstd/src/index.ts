export type { ZstdTransformOptions } from './options.js'
export { plugin, zstdTransform } from './zstd-transform.js'
