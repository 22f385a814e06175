import { BackupError, type BackupErrorOptions, type ErrorCode } from '@holdfast/core'

/** Id of this plugin, in recovery points and errors. */
export const pluginId = 'image'

/** Makes an error of this source. */
export function sourceError(code: ErrorCode, message: string, options: BackupErrorOptions = {}): BackupError {
  return new BackupError(code, message, { plugin: pluginId, ...options })
}

/** Makes the error of a disk that cannot be read; `problem` is a sentence without its full stop. */
export function readError(
  disk: string,
  file: string,
  problem: string,
  why: Pick<BackupErrorOptions, 'cause' | 'hint'> = {},
): BackupError {
  return sourceError('E_SOURCE_READ', `Disk '${disk}' cannot be read: ${problem} (${file}).`, {
    operation: 'source.read',
    context: { disk, file },
    hint: why.hint ?? 'Check the storage and the permissions of the file, then run again.',
    ...(why.cause !== undefined && { cause: why.cause }),
  })
}
