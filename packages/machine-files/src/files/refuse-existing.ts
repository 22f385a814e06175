import { lstat } from 'node:fs/promises'
import { BackupError } from '@holdfast/core'
import { isMissing } from './system-error.js'

/** Checks that nothing has this name yet. @throws BackupError `E_PLACEMENT` */
export async function refuseExisting(path: string): Promise<void> {
  try {
    await lstat(path)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  throw new BackupError('E_PLACEMENT', `${path} is already there; nothing is overwritten.`, {
    hint: 'Choose another place, or move the old one away.',
  })
}
