import { defineTransform, type PluginModule, parseOptions } from '@holdfast/core'
import { tagBytes } from './cipher.js'
import { codecVersion } from './codec.js'
import { type AesGcmTransformOptions, aesGcmOptions } from './options.js'

const capabilities = { keyed: true, authenticates: true, overheadBytes: tagBytes, exactOverhead: true } as const

/**
 * Encrypts and authenticates each frame with AES-256-GCM; put it after any compression.
 *
 * The passphrase only opens the repository's key slots: frames are encrypted under a key that the repository derives for
 * each pack.
 * @throws BackupError `E_CONFIG`
 */
export function aesGcmTransform(options: AesGcmTransformOptions) {
  const { passphrase } = parseOptions('transform', 'aes-gcm', aesGcmOptions, options)
  return defineTransform({
    id: 'aes-gcm',
    capabilities,
    version: codecVersion,
    module: new URL('./codec.js', import.meta.url).href,
    parameters: {},
    passphrase,
  })
}

/** What a config's `use: '@holdfast/transform-aes-gcm'` finds. */
export const plugin: PluginModule<AesGcmTransformOptions> = {
  kind: 'transform',
  id: 'aes-gcm',
  options: aesGcmOptions,
  create: (options) => aesGcmTransform(options),
}
