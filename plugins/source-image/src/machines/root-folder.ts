import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@holdfast/core'
import { pathProblem, systemCode } from '@holdfast/machine-files'
import { sourceError } from '../errors.js'

/** Lists the folder of machines by name. @throws BackupError `E_SOURCE_UNAVAILABLE`, `E_SOURCE_DENIED` */
export async function listRoot(root: string): Promise<readonly Dirent[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true })
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  } catch (cause) {
    const code = systemCode(cause)
    const denied = code === 'EACCES' || code === 'EPERM'
    const problem = code === 'ENOENT' ? 'there is no such folder' : (pathProblem(cause) ?? String(cause))
    throw sourceError(
      denied ? 'E_SOURCE_DENIED' : 'E_SOURCE_UNAVAILABLE',
      `The folder of machines ${root} cannot be read: ${problem}.`,
      {
        operation: 'source.discover',
        context: { folder: root },
        hint: "Check option path (relative paths start from the config file's folder), mounts and permissions.",
        cause,
      },
    )
  }
}

/** Tells whether an entry of it may be a machine's folder. */
export async function isMachineFolder(
  root: string,
  entry: Dirent,
  followSymlinks: boolean,
  logger: Logger,
): Promise<boolean> {
  if (entry.name.startsWith('.')) return false
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  const folder = join(root, entry.name)
  if (!followSymlinks) {
    logger.warn('linked machine folder left out: followSymlinks is off', { folder })
    return false
  }
  try {
    return (await stat(folder)).isDirectory()
  } catch (error) {
    // A link to a folder that is not mounted: a machine that fails, not one that vanished.
    if (systemCode(error) !== undefined) return true
    throw error
  }
}
