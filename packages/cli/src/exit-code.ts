import { type ErrorCode, isBackupError } from '@holdfast/core'

/** What the program exits with: 0 done, 1 failed, 2 wrong use or config, 3 partial. */
export type ExitCode = 0 | 1 | 2 | 3

/** What the caller must correct; everything else is a failure of the world. */
const wrongUse: ReadonlySet<string> = new Set<ErrorCode>([
  'E_CONFIG',
  'E_USAGE',
  'E_PLAN',
  'E_UNSUPPORTED',
  'E_PLUGIN_INVALID',
  'E_SECRET',
  'E_KEY_MISSING',
  'E_POINT_NOT_FOUND',
  'E_POINT_AMBIGUOUS',
])

/** Tells what an error makes the program exit with. */
export function exitCodeOf(error: unknown): ExitCode {
  return isBackupError(error) ? exitCodeOfCode(error.code) : 1
}

/** Tells what an error of this code makes the program exit with. */
export function exitCodeOfCode(code: string): ExitCode {
  return wrongUse.has(code) ? 2 : 1
}

/** The exit code of a thing done in several parts: equal parts speak with one voice, anything else is partial. */
export function joinedExitCode(codes: readonly ExitCode[]): ExitCode {
  const [first = 0] = codes
  return codes.every((code) => code === first) ? first : codes.every((code) => code === 1 || code === 2) ? 1 : 3
}
