import { constants } from 'node:fs'
import { errnoOf } from './errors.js'
import type { FileSystem } from './file-system.js'

/** What file systems say that cannot sync a folder and keep names safe in their own way (CIFS, some FUSE). */
const notOffered: ReadonlySet<string | undefined> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EBADF'])

/** Makes the names in a folder survive a power cut. */
export async function syncFolder(fs: FileSystem, path: string): Promise<void> {
  const folder = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } catch (error) {
    if (!notOffered.has(errnoOf(error))) throw error
  } finally {
    await folder.close()
  }
}
