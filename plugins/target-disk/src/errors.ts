import { BackupError, type ErrorCode, isBackupError, type RetryClass } from '@holdfast/core'

interface Translation {
  readonly code: ErrorCode
  readonly retry: RetryClass
  readonly what: string
  readonly hint: string
}

const full: Translation = {
  code: 'E_TARGET_FULL',
  retry: 'never',
  what: 'there is no room left',
  hint: 'Free or add room, or let `holdfast prune` remove what retention no longer keeps.',
}
const quota: Translation = { ...full, what: 'the disk quota is used up' }
const readOnly: Translation = {
  code: 'E_TARGET_READ_ONLY',
  retry: 'never',
  what: 'the file system is mounted read-only',
  hint: 'Mount it for writing; a disk that became read-only by itself has failed and must be checked first.',
}
const denied: Translation = {
  code: 'E_TARGET_DENIED',
  retry: 'never',
  what: 'permission was denied',
  hint: 'Give the user that runs Holdfast the right to read and write this folder and what is in it.',
}
const gone: Translation = {
  code: 'E_TARGET_UNAVAILABLE',
  retry: 'never',
  what: 'the folder is not there',
  hint: 'Is the disk mounted? Holdfast makes only the last part of the path.',
}
const away: Translation = {
  code: 'E_TARGET_UNAVAILABLE',
  retry: 'transient',
  what: 'the disk does not answer',
  hint: 'Check the cable, the network and the mount.',
}
const failed: Translation = {
  code: 'E_TARGET_IO',
  retry: 'transient',
  what: 'the disk reported an input/output error',
  hint: 'Read the kernel log; when it happens again, replace the disk.',
}
const busy: Translation = {
  code: 'E_TARGET_IO',
  retry: 'transient',
  what: 'the system is short of a resource',
  hint: 'Lower the concurrency, or raise the limit on open files.',
}
const tooLarge: Translation = {
  code: 'E_TARGET_IO',
  retry: 'never',
  what: 'the object is larger than this file system or limit allows',
  hint: 'Use another file system (FAT holds files of less than 4 GiB), or raise the limit (ulimit -f).',
}
const nameTooLong: Translation = {
  code: 'E_OBJECT_KEY',
  retry: 'never',
  what: 'the name is too long for this file system',
  hint: 'Use a shorter path for the target, or another file system.',
}
const unknown: Translation = {
  code: 'E_TARGET_IO',
  retry: 'never',
  what: 'the file system refused',
  hint: 'The cause below carries the error of the system.',
}

const translations: Readonly<Record<string, Translation>> = {
  ENOSPC: full,
  EDQUOT: quota,
  EROFS: readOnly,
  EACCES: denied,
  EPERM: denied,
  ENOENT: gone,
  ENODEV: gone,
  ENXIO: away,
  ESTALE: away,
  ETIMEDOUT: away,
  EHOSTDOWN: away,
  EHOSTUNREACH: away,
  ENOTCONN: away,
  ECONNRESET: away,
  ESHUTDOWN: away,
  EIO: failed,
  EREMOTEIO: failed,
  EMFILE: busy,
  ENFILE: busy,
  ENOMEM: busy,
  EAGAIN: busy,
  EBUSY: busy,
  EINTR: busy,
  EFBIG: tooLarge,
  ENAMETOOLONG: nameTooLong,
}

/** Where an error happened. */
export interface Where {
  /** `target.put` and the like. */
  readonly operation: string
  /** What was being done, to be read after "Cannot": `store 'a/b'`. */
  readonly attempt: string
  readonly path: string
  readonly key?: string
}

/** Turns an error of the file system into the contract's terms; a BackupError passes as it is. */
export function diskError(error: unknown, where: Where): BackupError {
  if (isBackupError(error)) return error
  const errno = errnoOf(error)
  const { code, retry, what, hint } = translations[errno ?? ''] ?? unknown
  return backupError(
    code,
    `Cannot ${where.attempt} in ${where.path}: ${what}${errno === undefined ? '' : ` (${errno})`}.`,
    where,
    {
      retry,
      hint,
      cause: error,
    },
  )
}

/** Makes a BackupError of this plugin. */
export function backupError(
  code: ErrorCode,
  message: string,
  where: Where,
  options: { readonly retry?: RetryClass; readonly hint?: string; readonly cause?: unknown } = {},
): BackupError {
  const context = { path: where.path, ...(where.key === undefined ? {} : { key: where.key }) }
  return new BackupError(code, message, { plugin: 'disk', operation: where.operation, context, ...options })
}

/** Awaits steps on the file system, their errors translated. */
export type Io = <T>(step: Promise<T>) => Promise<T>

/** Makes the wrapper that one operation puts around its steps. */
export function translating(where: Where): Io {
  return async (step) => {
    try {
      return await step
    } catch (error) {
      throw diskError(error, where)
    }
  }
}

/** The system's name of an error, as `ENOENT`; `undefined` for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined
}

/** Tells whether an error means that nothing has that name. */
export function isMissing(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOENT' || errno === 'ENOTDIR'
}
