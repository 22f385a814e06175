import {
  defineQuiesce,
  type PluginContext,
  type PluginModule,
  parseDurationMs,
  parseOptions,
  type QuiescePlugin,
} from '@holdfast/core'
import { type ScriptQuiesceOptions, scriptQuiesceOptions } from './options.js'
import { openScript } from './script-session.js'

/**
 * Makes a hook that runs a program of yours before the capture and another one after it, on this host.
 *
 * @throws BackupError `E_CONFIG` for wrong options
 */
export function scriptQuiesce(options: ScriptQuiesceOptions) {
  const parsed = parseOptions('quiesce', 'script', scriptQuiesceOptions, options)
  return defineQuiesce({
    id: 'script',
    capabilities: {
      channel: 'host',
      consistency: parsed.consistency ?? 'application',
      maxFreezeMs: parseDurationMs(parsed.maxFreeze ?? '60s'),
    },
    open: (context: PluginContext) => openScript(parsed, context),
  })
}

/** Lets a config find this plugin: `use: '@holdfast/quiesce-script'`. */
export const plugin: PluginModule<ScriptQuiesceOptions> = {
  kind: 'quiesce',
  id: 'script',
  options: scriptQuiesceOptions,
  create: (options): QuiescePlugin => scriptQuiesce(options),
}
