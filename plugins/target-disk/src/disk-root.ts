import { dirname, join, resolve } from 'node:path'
import type { PluginContext } from '@holdfast/core'
import { backupError, diskError, errnoOf, isMissing, type Where } from './errors.js'
import type { FileStatus, FileSystem } from './file-system.js'
import type { DiskTargetOptions } from './options.js'
import { syncFolder } from './sync-folder.js'

/** The opened folder of a target, and what its operations share. */
export interface DiskRoot {
  readonly fs: FileSystem
  /** Absolute. */
  readonly path: string
  /** Device and inode: another disk mounted there, or none, is noticed. */
  readonly identity: string
  readonly fileMode: Mode
  readonly folderMode: Mode
  readonly context: PluginContext
  /** Folders, relative to the root, that are no symbolic links and survive a power cut. */
  readonly durableFolders: Set<string>
  /** Folders, relative to the root, that are no symbolic links. */
  readonly realFolders: Set<string>
  /** Buffers that no `get` uses now: making one a call would leave a trail of garbage. */
  readonly spareBuffers: Uint8Array[]
  /** Numbers the temporary files of this session. */
  readonly nextNumber: () => number
}

/** Permissions; `exact` ones are set again after creation, so that the umask does not narrow them. */
export interface Mode {
  readonly bits: number
  readonly exact: boolean
}

/** Folder below the root that takes files while they are written. */
export const incomingFolder = '.incoming'

/** Opens the folder of a target, making its last part when that alone is missing. */
export async function openRoot(options: DiskTargetOptions, context: PluginContext, fs: FileSystem): Promise<DiskRoot> {
  context.signal.throwIfAborted()
  const path = resolve(context.baseDir, options.path)
  const folderMode = modeOf(options.folderMode, 0o700)
  const status = await statusOrMake(path, folderMode, fs)
  let lastNumber = 0
  return {
    fs,
    path,
    identity: identityOf(status),
    fileMode: modeOf(options.fileMode, 0o600),
    folderMode,
    spareBuffers: [],
    context,
    durableFolders: new Set(),
    realFolders: new Set(['']),
    nextNumber: () => ++lastNumber,
  }
}

/**
 * Makes sure that the opened folder is still the one it was.
 *
 * Called when something is missing: an unmounted disk must not read as an empty one.
 * @throws BackupError `E_TARGET_UNAVAILABLE`
 */
export async function assertPresent(root: DiskRoot, where: Where): Promise<void> {
  let status: FileStatus
  try {
    status = await root.fs.stat(root.path)
  } catch (error) {
    throw diskError(error, where)
  }
  if (identityOf(status) === root.identity) return
  throw backupError(
    'E_TARGET_UNAVAILABLE',
    `Cannot ${where.attempt}: ${root.path} is another folder than when it was opened.`,
    where,
    {
      hint: 'Was the disk unmounted or replaced during the run? Mount it and run again.',
    },
  )
}

/** Tells whether folders below the root exist and none of them is a symbolic link, which could lead elsewhere. */
export async function foldersAreReal(root: DiskRoot, folders: readonly string[]): Promise<boolean> {
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

async function statusOrMake(path: string, mode: Mode, fs: FileSystem): Promise<FileStatus> {
  const where: Where = { operation: 'target.open', attempt: 'open the target', path }
  try {
    const found = await statusIfAny(path, fs)
    if (found !== undefined) {
      if (found.isDirectory()) return found
      throw backupError('E_CONFIG', `The target's path ${path} is not a folder.`, where, {
        hint: "Set 'path' to a folder.",
      })
    }
    await makeFolder(fs, path, mode)
    await syncFolder(fs, dirname(path))
    return await fs.stat(path)
  } catch (error) {
    throw diskError(error, where)
  }
}

async function statusIfAny(path: string, fs: FileSystem): Promise<FileStatus | undefined> {
  try {
    return await fs.stat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Makes one folder; one that is there already is no error. */
export async function makeFolder(fs: FileSystem, path: string, mode: Mode): Promise<void> {
  try {
    await fs.mkdir(path, { mode: mode.bits })
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return
    throw error
  }
  if (mode.exact) await fs.chmod(path, mode.bits)
}

function modeOf(text: string | undefined, fallback: number): Mode {
  return text === undefined ? { bits: fallback, exact: false } : { bits: Number.parseInt(text, 8), exact: true }
}

function identityOf(status: FileStatus): string {
  return `${status.dev}:${status.ino}`
}
