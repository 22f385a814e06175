import { defineTransform, type PluginModule, parseOptions } from '@holdfast/core'
import { codecVersion } from './codec.js'
import { type ZstdTransformOptions, zstdOptions } from './options.js'

const capabilities = { shrinks: true } as const

/**
 * Compresses each frame with Zstandard; put it before any encryption.
 *
 * @throws BackupError `E_CONFIG`
 */
export function zstdTransform(options: ZstdTransformOptions = {}) {
  const { level } = parseOptions('transform', 'zstd', zstdOptions, options)
  return defineTransform({
    id: 'zstd',
    capabilities,
    version: codecVersion,
    module: new URL('./codec.js', import.meta.url).href,
    parameters: { level },
  })
}

/** What a config's `use: '@holdfast/transform-zstd'` finds. */
export const plugin: PluginModule<ZstdTransformOptions> = {
  kind: 'transform',
  id: 'zstd',
  options: zstdOptions,
  create: (options) => zstdTransform(options),
}
