import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { isBelow } from './named-paths.js'
import { isMissing, pathProblem, systemCode } from './system-error.js'

/** A regular file, open for reading, or why it is not. */
export type OpenedFile = OpenFile | UnopenedFile

/** A regular file, open for reading. */
export interface OpenFile {
  readonly kind: 'open'
  readonly handle: FileHandle
  /** Its path after all links. */
  readonly realPath: string
}

/** A file that was not opened; `outside` when links lead out of where it may lie. */
export interface UnopenedFile {
  readonly kind: 'missing' | 'denied' | 'outside' | 'unavailable'
  readonly reason: string
  /** What the system said; absent when it was not the system that refused. */
  readonly cause?: unknown
}

/**
 * Opens a regular file for reading; anything else (a FIFO, a device, a folder) is unavailable.
 *
 * With `within`, links on the way must not lead out of those folders.
 * @throws what the system says when the trouble is not this file's alone: too many open files, for example
 */
export async function openRegularFile(path: string, within?: readonly string[]): Promise<OpenedFile> {
  try {
    const real = await realpath(path)
    if (within !== undefined && !(await isReallyBelow(within, real)))
      return { kind: 'outside', reason: 'it links out of the folders that are allowed' }
    // Looked at before it is opened: merely opening a FIFO or a device may block or act on it.
    const before = await stat(real)
    if (!before.isFile()) return noFile(before)
    const handle = await open(real, openFlags())
    const after = await handle.stat()
    if (after.isFile()) return { kind: 'open', handle, realPath: real }
    await handle.close()
    return noFile(after)
  } catch (cause) {
    const reason = pathProblem(cause)
    if (reason === undefined) throw cause
    return { kind: kindOfFailure(cause), reason, cause }
  }
}

/** Reads the first bytes of a file; fewer when it is shorter by now. */
export async function readStart(handle: FileHandle, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

function noFile(stats: Stats): UnopenedFile {
  return { kind: 'unavailable', reason: `it is ${kindOf(stats)}, not a regular file` }
}

function kindOfFailure(cause: unknown): UnopenedFile['kind'] {
  if (isMissing(cause)) return 'missing'
  return ['EACCES', 'EPERM'].includes(systemCode(cause) ?? '') ? 'denied' : 'unavailable'
}

async function isReallyBelow(folders: readonly string[], real: string): Promise<boolean> {
  for (const folder of folders) {
    try {
      if (isBelow(await realpath(folder), real)) return true
    } catch (error) {
      // A folder that is not there has nothing in it.
      if (!isMissing(error)) throw error
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
