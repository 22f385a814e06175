import { BackupError, type BackupErrorOptions, type ErrorCode, isBackupError } from '@holdfast/core'
import { isImageError } from '@holdfast/formats'
import { imageFailure } from '@holdfast/machine-files'
import { isVimError, type VimError } from '@holdfast/protocol-vim'

/** Id of this plugin, in recovery points and errors. */
export const pluginId = 'vmware'

/** Makes an error of this source. */
export function sourceError(code: ErrorCode, message: string, options: BackupErrorOptions = {}): BackupError {
  return new BackupError(code, message, { plugin: pluginId, ...options })
}

/** What is being done, and to which machine. `operation` is a verb: `connect`, `take`. */
export interface Doing {
  readonly operation: string
  readonly machine?: string
}

/** Does something with vSphere and translates its errors. */
export async function fromVsphere<T>(doing: Doing, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw translated(error, doing)
  }
}

/** The same for what comes piece by piece. */
export async function* eachFromVsphere<T>(doing: Doing, pieces: AsyncIterable<T>): AsyncGenerator<T, void> {
  try {
    yield* pieces
  } catch (error) {
    throw translated(error, doing)
  }
}

function translated(error: unknown, { operation, machine }: Doing): unknown {
  if (isImageError(error)) return imageFailure(error, machine ?? '')
  if (!isVimError(error)) return error
  if (error.code === 'aborted') return error.cause ?? error
  if (isBackupError(error.cause)) return error.cause
  const hint = error.hint ?? hints[error.fault ?? '']
  return sourceError(codeOf(error), machine === undefined ? error.message : `Machine '${machine}': ${error.message}`, {
    operation: `source.${operation}`,
    ...(machine !== undefined && { context: { machine } }),
    ...(hint !== undefined && { hint }),
    retry: error.isTransient ? 'transient' : 'never',
    cause: error,
  })
}

function codeOf({ code, fault, status }: VimError): ErrorCode {
  if (code === 'login' || code === 'certificate' || status === 401 || status === 403) return 'E_SOURCE_DENIED'
  if (fault === 'NoPermission' || fault === 'InvalidGuestLogin') return 'E_SOURCE_DENIED'
  if (fault === 'ManagedObjectNotFound') return 'E_MACHINE_NOT_FOUND'
  if (code === 'protocol' || code === 'limit' || code === 'version') return 'E_SOURCE_INVALID'
  return 'E_SOURCE_UNAVAILABLE'
}

const hints: Readonly<Record<string, string>> = {
  ManagedObjectNotFound: 'It was removed, or left this inventory, since it was found.',
  ToolsUnavailable: 'Start VMware Tools in the guest, or let quiesce be if-possible or never.',
  InsufficientStorageSpace: 'Make room on the datastore.',
  NoDiskSpace: 'Make room on the datastore.',
  TaskInProgress: 'Something else is being done to the machine: run again later.',
}
