import { defineTarget, type PluginContext, type PluginModule, parseOptions } from '@holdfast/core'
import type { AcmeConnect } from './acme-client.js'
import { acmeSession } from './acme-session.js'
import { calling } from './errors.js'
import { inProcessAcme } from './in-process-acme.js'
import { type AcmeTargetOptions, acmeTargetOptions } from './options.js'

const capabilities = { exclusiveCreate: true, maxConcurrency: 8 } as const

/**
 * Stores objects in an Acme vault.
 *
 * `connect` is how the vault is reached; tests bring their own.
 * @throws BackupError `E_CONFIG`
 */
export function acmeTarget(options: AcmeTargetOptions, connect: AcmeConnect = inProcessAcme()) {
  const { endpoint, token, prefix } = parseOptions('target', 'acme', acmeTargetOptions, options)
  return defineTarget({
    id: 'acme',
    capabilities,
    open: async ({ signal, resolveSecret, logger }: PluginContext) => {
      signal.throwIfAborted()
      const secret = await resolveSecret(token, { signal })
      const where = { operation: 'open', subject: endpoint, signal }
      const client = await calling(where, () => connect(endpoint, secret.reveal(), signal))
      return acmeSession(client, prefix, logger)
    },
  })
}

/** What a config's `use: 'holdfast-target-acme'` finds. */
export const plugin: PluginModule<AcmeTargetOptions> = {
  kind: 'target',
  id: 'acme',
  options: acmeTargetOptions,
  create: (options) => acmeTarget(options),
}
