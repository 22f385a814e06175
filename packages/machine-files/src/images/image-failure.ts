import { BackupError, type ErrorCode, isBackupError } from '@holdfast/core'
import { type ImageErrorCode, isImageError } from '@holdfast/formats'
import { pathProblem, systemCode } from '../files/system-error.js'

const codes: Readonly<Record<ImageErrorCode, ErrorCode>> = {
  'unknown-format': 'E_SOURCE_INVALID',
  corrupt: 'E_SOURCE_INVALID',
  unsupported: 'E_UNSUPPORTED',
  encrypted: 'E_UNSUPPORTED',
  'missing-file': 'E_SOURCE_INVALID',
  'refused-file': 'E_SOURCE_DENIED',
  'parent-mismatch': 'E_SOURCE_INVALID',
  limit: 'E_SOURCE_INVALID',
  'out-of-range': 'E_SOURCE_READ',
  order: 'E_USAGE',
}

/** Makes a BackupError of what went wrong while an image was read; whatever is neither of an image nor of a file stays. */
export function imageFailure(error: unknown, path: string): unknown {
  if (isBackupError(error)) return error
  if (isImageError(error)) {
    const { file = path, offset, hint } = error
    return new BackupError(codes[error.code], `${error.message}.`, {
      operation: 'source.read',
      context: { file, ...(offset !== undefined && { offset }) },
      ...(hint !== undefined && { hint }),
      cause: error,
    })
  }
  const code = systemCode(error)
  if (code === undefined && !(error instanceof TypeError) && !(error instanceof RangeError)) return error
  return new BackupError('E_SOURCE_READ', `${path} cannot be read: ${reason(error, code)}.`, {
    operation: 'source.read',
    context: { file: path },
    hint: 'Check the path, the storage and the permissions of the file.',
    cause: error,
  })
}

function reason(error: unknown, code: string | undefined): string {
  if (code === 'EMFILE') return 'too many files are open'
  if (code !== undefined) return pathProblem(error) ?? code
  return error instanceof Error ? error.message : String(error)
}
