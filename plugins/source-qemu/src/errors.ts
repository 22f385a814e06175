import { BackupError, type BackupErrorOptions, type ErrorCode } from '@holdfast/core'

/** Id of this plugin, in recovery points and errors. */
export const pluginId = 'qemu'

/** Makes an error of this source. */
export function sourceError(code: ErrorCode, message: string, options: BackupErrorOptions = {}): BackupError {
  return new BackupError(code, message, { plugin: pluginId, ...options })
}
