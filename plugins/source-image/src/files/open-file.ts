import { type OpenedFile, openRegularFile } from '@holdfast/machine-files'
import { sourceError } from '../errors.js'

/**
 * Opens a regular file of a machine. With `within`, links on the way must not lead out of those folders.
 *
 * @throws BackupError `E_SOURCE_UNAVAILABLE` when the trouble is not this file's alone
 */
export async function openFile(path: string, within: readonly string[] | undefined): Promise<OpenedFile> {
  try {
    const opened = await openRegularFile(path, within)
    if (opened.kind !== 'outside') return opened
    return { ...opened, reason: "it links out of the machine's folder, and followSymlinks is off" }
  } catch (cause) {
    throw sourceError('E_SOURCE_UNAVAILABLE', `${path} cannot be opened.`, {
      retry: 'transient',
      operation: 'source.take',
      context: { file: path },
      hint: 'The cause names what the system lacks, often a limit of open files (ulimit -n).',
      cause,
    })
  }
}
