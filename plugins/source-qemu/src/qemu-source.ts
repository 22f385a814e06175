import { resolve } from 'node:path'
import { defineSource, type PluginModule, parseOptions, type SourcePlugin } from '@holdfast/core'
import { pluginId } from './errors.js'
import { type QemuSourceOptions, qemuOptions } from './options.js'
import { qemuSession } from './session.js'

const capabilities = {
  changedExtents: true,
  sparse: true,
  quiesceChannels: ['host', 'guest-agent'],
  consistency: 'crash',
  maxConcurrentReads: 8,
  restore: true,
  boot: true,
  overlays: true,
} as const

/** What {@link qemuSource} makes. */
export type QemuSourcePlugin = SourcePlugin<SourcePlugin['capabilities'] & typeof capabilities>

/**
 * Makes a source of the running QEMU machines of this host.
 *
 * @throws BackupError `E_CONFIG`
 */
export function qemuSource(options: QemuSourceOptions): QemuSourcePlugin {
  const { monitor, definitions, scratch, images, ...limits } = parseOptions('source', pluginId, qemuOptions, options)
  return defineSource({
    id: pluginId,
    capabilities,
    open: async (context) => {
      context.signal.throwIfAborted()
      const { baseDir } = context
      return qemuSession({
        ...limits,
        monitor: resolve(baseDir, monitor),
        ...(definitions !== undefined && { definitions: resolve(baseDir, definitions) }),
        scratch: resolve(baseDir, scratch),
        images: images === undefined ? undefined : resolve(baseDir, images),
        context,
      })
    },
  })
}

/** Lets `use: '@holdfast/source-qemu'` in a config find this source. */
export const plugin: PluginModule<QemuSourceOptions> = {
  kind: 'source',
  id: pluginId,
  options: qemuOptions,
  create: qemuSource,
}
