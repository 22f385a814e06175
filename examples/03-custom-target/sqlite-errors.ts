import { BackupError, type ErrorCode, type RetryClass } from '@holdfast/core'

/** What was being done, and to what. */
export interface Where {
  readonly operation: 'open' | 'put' | 'get' | 'stat' | 'list' | 'remove'
  readonly subject: string
}

type Meaning = readonly [code: ErrorCode, retry: RetryClass, hint: string]

/** Primary result codes (https://sqlite.org/rescode.html) and what each means to Holdfast. */
const meanings: Readonly<Record<number, Meaning>> = {
  5: ['E_TARGET_UNAVAILABLE', 'transient', 'Another process holds the file for long; look for one that hangs.'],
  8: ['E_TARGET_READ_ONLY', 'never', 'Make the file and its folder writable.'],
  10: ['E_TARGET_IO', 'transient', 'Check the disk.'],
  11: ['E_DAMAGED', 'never', 'The file is damaged: restore it, or repair from another copy.'],
  13: ['E_TARGET_FULL', 'never', 'Free some room on the disk.'],
  14: ['E_TARGET_UNAVAILABLE', 'never', 'Does the folder exist, and may you write to it?'],
  19: ['E_OBJECT_EXISTS', 'never', 'Objects are written once; another writer was faster.'],
  26: ['E_CONFIG', 'never', 'The path names a file that is no SQLite database.'],
}

/** Makes an error of this plugin. */
export function failure(where: Where, reason: string, [code, retry, hint]: Meaning, cause?: unknown): BackupError {
  return new BackupError(code, `Cannot ${where.operation} ${where.subject}: ${reason}.`, {
    retry,
    plugin: 'sqlite',
    operation: `target.${where.operation}`,
    context: { subject: where.subject },
    hint,
    cause,
  })
}

/** Runs statements and turns what SQLite throws into what the contract promises. */
export function translating<T>(where: Where, statements: () => T): T {
  try {
    return statements()
  } catch (error) {
    // The low byte is the primary code; the rest tells more than we need.
    const primary = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
    const meaning = primary === undefined ? undefined : meanings[primary]
    if (meaning === undefined || !(error instanceof Error)) throw error
    throw failure(where, error.message, meaning, error)
  }
}
