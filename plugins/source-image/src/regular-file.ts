import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import { pathProblem, sourceError } from './errors.js'

/** A file of a machine's folder, open for reading, or why it is not. */
export type OpenedFile =
  | { readonly kind: 'open'; readonly handle: FileHandle; readonly path: string }
  | { readonly kind: 'unavailable'; readonly reason: string; readonly path: string }

/**
 * Opens a regular file below `folder` for reading; anything else (a FIFO, a device, a folder) is unavailable.
 *
 * @throws BackupError `E_SOURCE_UNAVAILABLE` when the trouble is not this file's alone
 */
export async function openRegularFile(folder: string, file: string, followSymlinks: boolean): Promise<OpenedFile> {
  const path = join(folder, ...file.split('/'))
  const unavailable = (reason: string): OpenedFile => ({ kind: 'unavailable', reason, path })
  try {
    const real = followSymlinks ? path : await realpath(path)
    if (!followSymlinks && !isWithin(await realpath(folder), real)) {
      return unavailable("it links out of the machine's folder, and followSymlinks is off")
    }
    // Looked at before it is opened: merely opening a FIFO or a device may block or act on it.
    const before = await stat(real)
    if (!before.isFile()) return unavailable(`it is ${kindOf(before)}, not a regular file`)
    const handle = await open(real, openFlags(followSymlinks))
    const after = await handle.stat()
    if (after.isFile()) return { kind: 'open', handle, path }
    await handle.close()
    return unavailable(`it is ${kindOf(after)}, not a regular file`)
  } catch (cause) {
    const reason = pathProblem(cause)
    if (reason !== undefined) return unavailable(reason)
    throw sourceError('E_SOURCE_UNAVAILABLE', `${path} cannot be opened.`, {
      retry: 'transient',
      operation: 'source.take',
      context: { file: path },
      hint: 'The cause names what the system lacks, often a limit of open files (ulimit -n).',
      cause,
    })
  }
}

function openFlags(followSymlinks: boolean): number {
  // Absent on some systems, where their default is what these ask for.
  const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0, O_NOFOLLOW = 0 } = constants
  return O_RDONLY | O_NONBLOCK | O_NOCTTY | (followSymlinks ? 0 : O_NOFOLLOW)
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a FIFO'
  if (stats.isSocket()) return 'a socket'
  if (stats.isBlockDevice()) return 'a block device'
  return 'a character device'
}
