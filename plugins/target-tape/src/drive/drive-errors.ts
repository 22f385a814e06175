import { BackupError, type ErrorCode, isBackupError } from '@holdfast/core'
import { isScsiError, type ScsiErrorCode } from '@holdfast/protocol-iscsi/scsi'

/** Makes an error of this plugin. */
export function tapeError(
  code: ErrorCode,
  message: string,
  options: Omit<NonNullable<ConstructorParameters<typeof BackupError>[2]>, 'plugin'> = {},
): BackupError {
  return new BackupError(code, message, { plugin: 'tape', ...options })
}

/** Does something with a drive or a changer, and translates its errors. `operation` is a verb: `read`, `write`, `load`. */
export async function fromDevice<T>(device: string, operation: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw translated(device, operation, error)
  }
}

function translated(device: string, operation: string, error: unknown): unknown {
  if (isBackupError(error)) return error
  if (isScsiError(error)) {
    const isUnreadable = error.code === 'medium-error' && operation !== 'write'
    return tapeError(
      isUnreadable ? 'E_DAMAGED' : (codes[error.code] ?? 'E_TARGET_IO'),
      `${device} cannot ${operation}: ${error.message}.`,
      {
        operation: `target.${operation}`,
        context: { device },
        retry: passing.includes(error.code) ? 'transient' : 'never',
        hint: error.hint,
        cause: error,
      },
    )
  }
  if (!(error instanceof Error) || error.name === 'AbortError') return error
  const hint: unknown = 'hint' in error ? error.hint : undefined
  return tapeError('E_TARGET_UNAVAILABLE', `${device} does not answer: ${error.message}`, {
    operation: `target.${operation}`,
    context: { device },
    hint: typeof hint === 'string' ? hint : 'Is the library on, and can it be reached?',
    cause: error,
  })
}

const passing: readonly ScsiErrorCode[] = ['busy', 'becoming-ready', 'unit-attention', 'cleaning']

const codes: Partial<Record<ScsiErrorCode, ErrorCode>> = {
  'no-medium': 'E_MEDIA_NEEDED',
  'write-protected': 'E_TARGET_READ_ONLY',
  worm: 'E_TARGET_READ_ONLY',
  'volume-overflow': 'E_TARGET_FULL',
  'end-of-medium': 'E_TARGET_FULL',
  'not-ready': 'E_TARGET_UNAVAILABLE',
  'becoming-ready': 'E_TARGET_UNAVAILABLE',
  cleaning: 'E_TARGET_UNAVAILABLE',
  busy: 'E_TARGET_UNAVAILABLE',
  'no-unit': 'E_TARGET_UNAVAILABLE',
  'reservation-conflict': 'E_REPOSITORY_BUSY',
}
