import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { pathProblem, sourceError, systemCode } from '../errors.js'
import { isBelow } from './folder-rules.js'

/** A regular file, open for reading, or why it is not. */
export type OpenedFile =
  | { readonly kind: 'open'; readonly handle: FileHandle; readonly realPath: string }
  | { readonly kind: 'missing' | 'denied' | 'unavailable'; readonly reason: string }

/**
 * Opens a regular file for reading; anything else (a FIFO, a device, a folder) is unavailable.
 *
 * With `within`, links on the way must not lead out of those folders.
 * @throws BackupError `E_SOURCE_UNAVAILABLE` when the trouble is not this file's alone
 */
export async function openRegularFile(path: string, within: readonly string[] | undefined): Promise<OpenedFile> {
  try {
    const real = await realpath(path)
    if (within !== undefined && !(await isReallyBelow(within, real)))
      return unavailable("it links out of the machine's folder, and followSymlinks is off")
    // Looked at before it is opened: merely opening a FIFO or a device may block or act on it.
    const before = await stat(real)
    if (!before.isFile()) return unavailable(`it is ${kindOf(before)}, not a regular file`)
    const handle = await open(real, openFlags())
    const after = await handle.stat()
    if (after.isFile()) return { kind: 'open', handle, realPath: real }
    await handle.close()
    return unavailable(`it is ${kindOf(after)}, not a regular file`)
  } catch (cause) {
    const reason = pathProblem(cause)
    if (reason !== undefined) return { kind: kindOfFailure(systemCode(cause)), reason }
    throw sourceError('E_SOURCE_UNAVAILABLE', `${path} cannot be opened.`, {
      retry: 'transient',
      operation: 'source.take',
      context: { file: path },
      hint: 'The cause names what the system lacks, often a limit of open files (ulimit -n).',
      cause,
    })
  }
}

function unavailable(reason: string): OpenedFile {
  return { kind: 'unavailable', reason }
}

function kindOfFailure(code: string | undefined): Exclude<OpenedFile['kind'], 'open'> {
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing'
  return code === 'EACCES' || code === 'EPERM' ? 'denied' : 'unavailable'
}

async function isReallyBelow(folders: readonly string[], real: string): Promise<boolean> {
  for (const folder of folders) {
    try {
      if (isBelow(await realpath(folder), real)) return true
    } catch (error) {
      // A folder that is not there has nothing in it.
      if (kindOfFailure(systemCode(error)) !== 'missing') throw error
    }
  }
  return false
}

function openFlags(): number {
  // Absent on some systems, where their default is what these ask for. The path is real, so no link may be left in it.
  const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0, O_NOFOLLOW = 0 } = constants
  return O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a FIFO'
  if (stats.isSocket()) return 'a socket'
  if (stats.isBlockDevice()) return 'a block device'
  return 'a character device'
}
