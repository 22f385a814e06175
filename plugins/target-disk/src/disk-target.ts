import { defineTarget, type PluginContext, type PluginModule, parseOptions, type TargetPlugin } from '@holdfast/core'
import { openRoot } from './disk-root.js'
import { diskSession } from './disk-session.js'
import { diskError } from './errors.js'
import { type FileSystem, nodeFileSystem } from './file-system.js'
import { removeStale } from './incoming.js'
import { type DiskTargetOptions, diskTargetOptions } from './options.js'

const capabilities = { rangeRead: true, exclusiveCreate: true, maxConcurrency: 4, capacity: true } as const

/** What the disk target can do. */
export type DiskTargetCapabilities = ReturnType<typeof diskTarget>['capabilities']

/**
 * Makes a target that keeps each object as a file in a folder.
 *
 * An object appears whole or not at all and survives a power cut once stored, on local disks and mounted shares alike.
 * `fileSystem` replaces the host's, for tests.
 * @throws BackupError `E_CONFIG` for wrong options
 */
export function diskTarget(options: DiskTargetOptions, fileSystem: FileSystem = nodeFileSystem) {
  const parsed = parseOptions('target', 'disk', diskTargetOptions, options)
  return defineTarget({
    id: 'disk',
    capabilities,
    open: async (context: PluginContext) => {
      const root = await openRoot(parsed, context, fileSystem)
      try {
        await removeStale(root)
      } catch (error) {
        if (context.signal.aborted) throw error
        throw diskError(error, { operation: 'target.open', attempt: 'open the target', path: root.path })
      }
      return diskSession(root)
    },
  })
}

/** Lets a config find this plugin: `use: '@holdfast/target-disk'`. */
export const plugin: PluginModule<DiskTargetOptions> = {
  kind: 'target',
  id: 'disk',
  options: diskTargetOptions,
  create: (options): TargetPlugin => diskTarget(options),
}
