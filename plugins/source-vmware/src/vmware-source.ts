import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { defineSource, type PluginContext, type PluginModule, parseOptions, type SourcePlugin } from '@holdfast/core'
import { connectVim, type VimSession } from '@holdfast/protocol-vim'
import { fromVsphere, pluginId, sourceError } from './errors.js'
import { type VmwareSettings, type VmwareSourceOptions, vmwareOptions } from './options.js'
import { vmwareSession } from './session.js'

const capabilities = {
  changedExtents: true,
  sparse: true,
  quiesceChannels: ['host', 'hypervisor'],
  consistency: 'filesystem',
  maxConcurrentReads: 4,
  restore: false,
  boot: false,
  overlays: false,
} as const

/** What {@link vmwareSource} makes. */
export type VmwareSourcePlugin = SourcePlugin<SourcePlugin['capabilities'] & typeof capabilities>

/**
 * Makes a source of the machines of a vCenter or an ESXi host.
 *
 * @throws BackupError `E_CONFIG`
 */
export function vmwareSource(options: VmwareSourceOptions): VmwareSourcePlugin {
  const settings = parseOptions('source', pluginId, vmwareOptions, options)
  return defineSource({
    id: pluginId,
    capabilities,
    open: async (context) => {
      context.signal.throwIfAborted()
      return vmwareSession(await connect(settings, context), settings, context)
    },
  })
}

async function connect(settings: VmwareSettings, context: PluginContext): Promise<VimSession> {
  const { host, port, user, password, thumbprint, ca, tls } = settings
  const { signal, baseDir } = context
  const trust = {
    ...(thumbprint !== undefined && { thumbprint }),
    ...(ca !== undefined && { ca: await authorities(resolve(baseDir, ca)) }),
  }
  const login = {
    user,
    // Asked for at each login, so that it is not kept.
    password: async () => (await context.resolveSecret(password, { signal })).reveal(),
  }
  return await fromVsphere({ operation: 'open' }, () =>
    connectVim({ host, port, tls: tls ? trust : false }, login, { signal }),
  )
}

async function authorities(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw sourceError('E_CONFIG', `The certificates in ${path} cannot be read.`, { operation: 'source.open', cause })
  }
}

/** Lets `use: '@holdfast/source-vmware'` in a config find this source. */
export const plugin: PluginModule<VmwareSourceOptions> = {
  kind: 'source',
  id: pluginId,
  options: vmwareOptions,
  create: vmwareSource,
}
