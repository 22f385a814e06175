import { defineQuiesce, type PluginContext, type PluginModule, parseDurationMs, parseOptions } from '@holdfast/core'
import { openGuestAgents } from './guest-session.js'
import { type GuestAgentQuiesceOptions, guestAgentQuiesceOptions } from './options.js'

/**
 * Makes a hook that freezes the file systems of QEMU guests by their guest agents, with the guests' own freeze hooks.
 *
 * @throws BackupError `E_CONFIG` for wrong options
 */
export function guestAgentQuiesce(options: GuestAgentQuiesceOptions) {
  const parsed = parseOptions('quiesce', 'guest-agent', guestAgentQuiesceOptions, options)
  const maxFreezeMs = parseDurationMs(parsed.maxFreeze ?? '30s')
  return defineQuiesce({
    id: 'guest-agent',
    capabilities: {
      channel: 'guest-agent',
      consistency: parsed.consistency ?? 'filesystem',
      maxFreezeMs,
      inspect: true,
    },
    open: (context: PluginContext) => openGuestAgents(parsed, context),
  })
}

/** Lets a config find this plugin: `use: '@holdfast/quiesce-guest-agent'`. */
export const plugin: PluginModule<GuestAgentQuiesceOptions> = {
  kind: 'quiesce',
  id: 'guest-agent',
  options: guestAgentQuiesceOptions,
  create: (options) => guestAgentQuiesce(options),
}
