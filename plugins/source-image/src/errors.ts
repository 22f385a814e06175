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

/** Returns the system's code of an error (`ENOENT`), or `undefined` for any other value. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Says in words why a path could not be reached; `undefined` when it is not about this path alone. */
export function pathProblem(error: unknown): string | undefined {
  return pathProblems[systemCode(error) ?? '']
}

const pathProblems: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of its path is not a folder',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EIO: 'the storage under it fails',
  ENXIO: 'it is not a regular file',
  ESTALE: 'the file server no longer knows it',
}
