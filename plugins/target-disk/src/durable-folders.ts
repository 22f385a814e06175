import { dirname, join } from 'node:path'
import { type DiskRoot, makeFolder } from './disk-root.js'
import { backupError, errnoOf, type Where } from './errors.js'
import { syncFolder } from './sync-folder.js'

/**
 * Makes the folders of an object, outermost first, and makes their names survive a power cut.
 *
 * A folder that was there already is synced once a session too: another process may just have made it.
 */
export async function ensureFolders(root: DiskRoot, folders: readonly string[], where: Where): Promise<void> {
  await syncAboveRoot(root)
  for (let depth = 1; depth <= folders.length; depth++) {
    const relative = join(...folders.slice(0, depth))
    if (root.durableFolders.has(relative)) continue
    const path = join(root.path, relative)
    await makeFolder(root.fs, path, root.folderMode)
    if (!(await root.fs.lstat(path)).isDirectory()) {
      throw backupError('E_OBJECT_KEY', `Cannot ${where.attempt}: ${path} is not a folder.`, where, {
        hint: 'On a disk no object can be named like the folder of another; a symbolic link cannot stand for a folder.',
      })
    }
    await syncFolder(root.fs, dirname(path))
    root.realFolders.add(relative)
    root.durableFolders.add(relative)
  }
}

/** Forgets folders that have vanished, so that they are made again. */
export function forgetFolders(root: DiskRoot): void {
  root.durableFolders.clear()
  root.realFolders.clear()
  root.realFolders.add('')
}

async function syncAboveRoot(root: DiskRoot): Promise<void> {
  if (root.durableFolders.has('')) return
  try {
    await syncFolder(root.fs, dirname(root.path))
  } catch (error) {
    // A parent that this user may not read was not made by Holdfast, nor was the root below it.
    if (!['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')) throw error
  }
  root.durableFolders.add('')
}
