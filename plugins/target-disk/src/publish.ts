import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { dirname, join } from 'node:path'
import { type DiskRoot, incomingFolder } from './disk-root.js'
import { backupError, errnoOf, isMissing, type Where } from './errors.js'
import { removeOlder } from './incoming.js'
import { syncFolder } from './sync-folder.js'

/** What file systems without hard links say to link(2): FAT and exFAT, CIFS, FUSE. */
const noHardLinks: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'])

/** A claim spans two system calls; one that is older was left by a crash. */
const staleClaimMs = 10 * 60 * 1000

/**
 * Gives a finished temporary file its final name, which survives a power cut once this resolves.
 *
 * Guarantee: of several writers exactly one succeeds; nothing is ever overwritten.
 * @throws BackupError `E_OBJECT_EXISTS`, once the other writer's object survives a power cut too
 */
export async function publish(root: DiskRoot, from: string, to: string, where: Where): Promise<void> {
  try {
    await root.fs.link(from, to)
  } catch (error) {
    const errno = errnoOf(error)
    if (noHardLinks.has(errno)) await claimAndRename(root, from, to, where)
    else if (errno !== 'EEXIST') throw error
    // NFS may have linked, lost the answer, and refused its own repetition: the second name tells.
    else if ((await root.fs.lstat(from)).nlink < 2) await throwTaken(root, to, where)
  }
  await syncFolder(root.fs, dirname(to))
}

/** Refuses a key whose place is taken. */
export async function refuseTaken(root: DiskRoot, to: string, where: Where): Promise<void> {
  try {
    await root.fs.lstat(to)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  await throwTaken(root, to, where)
}

async function throwTaken(root: DiskRoot, to: string, where: Where): Promise<never> {
  if ((await root.fs.lstat(to)).isDirectory()) {
    throw backupError('E_OBJECT_KEY', `Cannot ${where.attempt}: ${to} is a folder.`, where, {
      hint: 'On a disk no object can be named like the folder of another.',
    })
  }
  // The caller may go on as if it had stored the object, so its name must be as safe as that.
  await syncFolder(root.fs, dirname(to))
  throw backupError(
    'E_OBJECT_EXISTS',
    `Cannot ${where.attempt} in ${root.path}: an object of that key is there already.`,
    where,
  )
}

async function claimAndRename(root: DiskRoot, from: string, to: string, where: Where): Promise<void> {
  const { fs } = root
  const claim = join(root.path, incomingFolder, `${createHash('sha256').update(to).digest('hex')}.claim`)
  await removeOlder(fs, claim, root.context.clock.now().getTime() - staleClaimMs)
  try {
    const file = await fs.open(claim, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, root.fileMode.bits)
    await file.close()
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    throw backupError(
      'E_TARGET_IO',
      `Cannot ${where.attempt} in ${root.path}: another writer is storing it now.`,
      where,
      {
        retry: 'transient',
        cause: error,
      },
    )
  }
  try {
    await refuseTaken(root, to, where)
    await fs.rename(from, to)
  } finally {
    await fs.unlink(claim)
  }
}
