import { dirname, join } from 'node:path'
import { anchorAt, type DiskRoot, makeFolder, notAFolder } from './disk-root.js'
import { backupError, diskError, errnoOf, isMissing, type Where } from './errors.js'
import type { FileStatus } from './file-system.js'
import { syncFolder } from './sync-folder.js'

/**
 * Makes sure that the opened folder, or its parent while there is no root, is still the one it was.
 *
 * Called when something is missing: an unmounted disk must not read as an empty one.
 * @throws BackupError `E_TARGET_UNAVAILABLE`
 */
export async function assertPresent({ fs, anchor }: DiskRoot, where: Where): Promise<void> {
  let status: FileStatus
  try {
    status = await fs.stat(anchor.path)
  } catch (error) {
    throw diskError(error, where)
  }
  if (anchorAt(anchor.path, status).identity === anchor.identity) return
  throw backupError(
    'E_TARGET_UNAVAILABLE',
    `Cannot ${where.attempt}: ${anchor.path} is another folder than when it was opened.`,
    where,
    {
      hint: 'Was the disk unmounted or replaced during the run? Mount it and run again.',
    },
  )
}

/** Tells whether the root and folders below it exist, none of them a symbolic link that could lead elsewhere. */
export async function foldersAreReal(root: DiskRoot, folders: readonly string[]): Promise<boolean> {
  if (!(await rootIsThere(root))) return false
  for (let depth = 1; depth <= folders.length; depth++) {
    const relative = join(...folders.slice(0, depth))
    if (root.realFolders.has(relative)) continue
    try {
      if (!(await root.fs.lstat(join(root.path, relative))).isDirectory()) return false
    } catch (error) {
      if (isMissing(error)) return false
      throw error
    }
    root.realFolders.add(relative)
  }
  return true
}

/** Makes a root that was missing; its name survives a power cut once this resolves. */
export async function ensureRoot(root: DiskRoot, where: Where): Promise<void> {
  if (await rootIsThere(root)) return
  await assertPresent(root, where)
  await makeFolder(root.fs, root.path, root.folderMode)
  await syncFolder(root.fs, dirname(root.path))
  const status = await root.fs.stat(root.path)
  if (!status.isDirectory()) throw notAFolder(root.path, where)
  adopt(root, status)
  root.durableFolders.add('')
}

/** Tells whether the root was seen in this session, by now: another process may have made it. */
export async function rootIsThere(root: DiskRoot): Promise<boolean> {
  if (root.realFolders.has('')) return true
  try {
    const status = await root.fs.stat(root.path)
    if (!status.isDirectory()) return false
    adopt(root, status)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

function adopt(root: DiskRoot, status: FileStatus): void {
  root.anchor = anchorAt(root.path, status)
  root.realFolders.add('')
}
