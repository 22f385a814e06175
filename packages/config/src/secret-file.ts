import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BackupError, isBackupError } from '@holdfast/core'
import { secretText } from './secret-text.js'
import { systemCode } from './system-code.js'

const largestBytes = 64 * 1024

/** Reads a secret from a file that only its owner may write. @throws BackupError `E_SECRET` */
export async function readSecretFile(
  file: string,
  { baseDir, signal }: { readonly baseDir: string; readonly signal: AbortSignal },
): Promise<string> {
  const path = resolve(baseDir, file)
  try {
    // Non-blocking, so that a FIFO is refused and does not hang.
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = await handle.stat()
    signal.throwIfAborted()
    if (!stats.isFile()) throw refused(path, 'is not a file', 'Put the secret into a plain file.')
    if (stats.size > largestBytes) throw refused(path, 'is larger than 64 KiB', 'Check that this is the right file.')
    if (process.platform !== 'win32' && (stats.mode & 0o022) !== 0) {
      throw refused(path, 'can be written by others than its owner', `Run chmod go-w ${path}`)
    }
    const bytes = await handle.readFile()
    signal.throwIfAborted()
    return secretText(bytes, `The secret file ${path}`)
  } catch (error) {
    if (signal.aborted || isBackupError(error)) throw error
    const missing = systemCode(error) === 'ENOENT'
    throw refused(
      path,
      missing ? 'does not exist' : `cannot be read (${systemCode(error) ?? 'unknown reason'})`,
      missing
        ? 'Create it, or mend the path; relative ones start at the folder of the configuration.'
        : 'Make it readable for the user that runs this.',
      error,
    )
  }
}

function refused(path: string, what: string, hint: string, cause?: unknown): BackupError {
  return new BackupError('E_SECRET', `The secret file ${path} ${what}.`, { hint, cause, context: { file: path } })
}
