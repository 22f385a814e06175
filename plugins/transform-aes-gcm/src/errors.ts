import { BackupError, type FrameContext } from '@holdfast/core'

type Operation = 'transform.createCodec' | 'transform.encode' | 'transform.decode'

/** Stored bytes that are not what was encrypted under this key, in this place. */
export function damaged(reason: string, { sequence }: FrameContext): BackupError {
  return new BackupError('E_DAMAGED', `An encrypted frame does not authenticate: ${reason}.`, {
    plugin: 'aes-gcm',
    operation: 'transform.decode',
    context: { sequence },
    hint: 'The stored bytes were altered or are in the wrong place. Run verify to list the damage, and repair from another copy.',
  })
}

/** A host that gave no key. */
export function keyMissing(operation: Operation): BackupError {
  return new BackupError('E_KEY_MISSING', 'AES-256-GCM needs a key, and none was given.', {
    plugin: 'aes-gcm',
    operation,
    hint: 'Give the passphrase of the repository: passphrase: { env: HOLDFAST_PASSPHRASE }.',
  })
}

/** A host, or stored parameters, that this codec cannot work with. */
export function unusable(message: string, operation: Operation, hint: string): BackupError {
  return new BackupError('E_TRANSFORM', message, { plugin: 'aes-gcm', operation, hint })
}
