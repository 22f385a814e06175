import { BackupError, isBackupError } from '@holdfast/core'
import { isImageError } from '@holdfast/formats'
import { systemCode } from '../files/system-error.js'

/** Makes a BackupError of what went wrong while files were written. */
export function placementFailure(error: unknown, path: string): unknown {
  if (isBackupError(error)) return error
  if (isImageError(error)) {
    const code = error.code === 'unsupported' || error.code === 'limit' ? 'E_UNSUPPORTED' : 'E_PLACEMENT'
    return new BackupError(code, `${path} cannot be made: ${error.message}.`, {
      ...(error.hint !== undefined && { hint: error.hint }),
      cause: error,
    })
  }
  const code = systemCode(error)
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  const problem = full ? 'the disk is full' : error instanceof Error ? error.message : String(error)
  return new BackupError('E_PLACEMENT', `Cannot write ${path}: ${problem}.`, {
    hint: full
      ? 'Make room or choose another folder; nothing half made was left.'
      : 'Check the folder and its permissions.',
    cause: error,
  })
}
