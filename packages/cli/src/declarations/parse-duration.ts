import { isBackupError, parseDurationMs } from '@holdfast/core'
import { InvalidArgumentError } from 'commander'

/** Understands a length of time as an option gives it: 90s, 13w. */
export function parseDuration(text: string): number {
  try {
    return parseDurationMs(text)
  } catch (error) {
    throw isBackupError(error) ? new InvalidArgumentError(error.hint ?? error.message) : error
  }
}
