import { type BackupError, isBackupError } from '@holdfast/core'

/** The BackupError that a call throws; fails when it throws something else, or nothing. */
export function refusal(call: () => unknown): BackupError {
  try {
    call()
  } catch (error) {
    if (isBackupError(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

/** The same for a promise. */
export async function refusalOf(promise: Promise<unknown>): Promise<BackupError> {
  const outcome = await promise.then(
    () => 'nothing was refused' as const,
    (error: unknown) => error,
  )
  return refusal(() => {
    throw outcome
  })
}
