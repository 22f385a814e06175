import { resolve } from 'node:path'
import { defineSource, type PluginModule, parseOptions, type SourcePlugin } from '@holdfast/core'
import { pluginId } from './errors.js'
import { type ImageSourceOptions, imageOptions } from './options.js'
import { imageSession } from './session.js'

const capabilities = {
  changedExtents: true,
  sparse: true,
  quiesceChannels: ['host'],
  consistency: 'crash',
  maxConcurrentReads: 4,
  restore: true,
} as const

/** What {@link imageSource} makes. */
export type ImageSourcePlugin = SourcePlugin<SourcePlugin['capabilities'] & typeof capabilities>

/**
 * Makes a source of machines whose disks are image files in a folder.
 *
 * @throws BackupError `E_CONFIG`
 */
export function imageSource(options: ImageSourceOptions): ImageSourcePlugin {
  const { path, parentsIn, followSymlinks } = parseOptions('source', pluginId, imageOptions, options)
  return defineSource({
    id: pluginId,
    capabilities,
    open: async (context) => {
      context.signal.throwIfAborted()
      const { baseDir } = context
      return imageSession({
        root: resolve(baseDir, path),
        parentsIn: parentsIn.map((folder) => resolve(baseDir, folder)),
        followSymlinks,
        context,
      })
    },
  })
}

/** Lets `use: '@holdfast/source-image'` in a config find this source. */
export const plugin: PluginModule<ImageSourceOptions> = {
  kind: 'source',
  id: pluginId,
  options: imageOptions,
  create: imageSource,
}
