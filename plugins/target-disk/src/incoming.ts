import { constants } from 'node:fs'
import { join } from 'node:path'
import { type DiskRoot, incomingFolder, makeFolder } from './disk-root.js'
import { errnoOf, isMissing, type Where } from './errors.js'
import type { FileSystem, OpenFile } from './file-system.js'
import { assertPresent } from './presence.js'

/** Temporary files that no writer has touched for so long were left by a crash. */
const staleAfterMs = 24 * 60 * 60 * 1000

/** A file that is being written and that nobody else sees. */
export interface IncomingFile {
  readonly path: string
  readonly file: OpenFile
  /** Closes the file; its errors count, since some file systems report failed writes here. */
  readonly close: () => Promise<void>
  /** Closes and removes the file, if that was not done. Never fails: what stays is removed as stale later. */
  readonly discard: () => Promise<void>
}

/** Makes a new temporary file, and their folder if there is none. */
export async function createIncoming(root: DiskRoot, where: Where): Promise<IncomingFile> {
  for (let folderMade = false; ; ) {
    const hex = Buffer.from(root.context.randomBytes(12)).toString('hex')
    const path = join(root.path, incomingFolder, `${hex}-${root.nextNumber()}.part`)
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
      const file = await root.fs.open(path, flags, root.fileMode.bits)
      return incomingFile(root, path, file)
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'EEXIST') continue
      if (errno !== 'ENOENT' || folderMade) throw error
      folderMade = true
      await assertPresent(root, where)
      await makeFolder(root.fs, join(root.path, incomingFolder), root.folderMode)
    }
  }
}

/** Removes what crashed writers left. A folder that cannot be written is left as it is: it may still be read. */
export async function removeStale(root: DiskRoot): Promise<void> {
  const { fs, context } = root
  const folder = join(root.path, incomingFolder)
  const oldest = context.clock.now().getTime() - staleAfterMs
  try {
    for await (const { name } of await fs.opendir(folder)) {
      context.signal.throwIfAborted()
      if (!/^[0-9a-f]+(-[0-9]+\.part|\.claim)$/.test(name)) continue
      const path = join(folder, name)
      if (!(await removeOlder(fs, path, oldest))) continue
      context.logger.info('removed a temporary file that a crash had left', { path })
    }
  } catch (error) {
    if (isMissing(error)) return
    if (!['EROFS', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) throw error
    context.logger.debug('left temporary files alone, for want of permission', { path: folder })
  }
}

/** Removes a file that was last written before `oldest`; tells whether it did. */
export async function removeOlder(fs: FileSystem, path: string, oldest: number): Promise<boolean> {
  try {
    const status = await fs.lstat(path)
    if (!status.isFile() || status.mtimeMs > oldest) return false
    await fs.unlink(path)
    return true
  } catch (error) {
    // Another process was faster.
    if (isMissing(error)) return false
    throw error
  }
}

function incomingFile(root: DiskRoot, path: string, file: OpenFile): IncomingFile {
  let open = true
  const close = async () => {
    if (!open) return
    open = false
    await file.close()
  }
  const discard = async () => {
    try {
      await close()
    } catch (error) {
      root.context.logger.warn('could not close a temporary file', { path, error: String(error) })
    }
    try {
      await root.fs.unlink(path)
    } catch (error) {
      if (isMissing(error)) return
      root.context.logger.warn('could not remove a temporary file; it goes when it is a day old', {
        path,
        error: String(error),
      })
    }
  }
  return { path, file, close, discard }
}
