import { BackupError, wrapTarget } from '@holdfast/core'
import type { Repository } from '@holdfast/core/repository'
import { openVault, type Vault } from './vault.js'

/** Opens a vault through a target that does not answer for one object. */
export function unreadableVault(vault: Vault, victim: string): Promise<Repository> {
  const plugin = wrapTarget(vault.target, (session) => ({
    ...session,
    get: async function* (key, options) {
      if (key === victim)
        throw new BackupError('E_TARGET_UNAVAILABLE', 'The target does not answer.', { retry: 'never' })
      yield* session.get(key, options)
    },
  }))
  return openVault({ name: 'vault', plugin }, vault.chain, vault.host)
}
