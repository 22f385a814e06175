import { dirname, resolve } from 'node:path'
import type { PluginContext } from '@holdfast/core'
import { backupError, diskError, errnoOf, type Where } from './errors.js'
import type { FileStatus, FileSystem } from './file-system.js'
import type { DiskTargetOptions } from './options.js'
import { type Turn, turns } from './turn.js'

/** The opened folder of a target, and what its operations share. */
export interface DiskRoot {
  readonly fs: FileSystem
  /** Absolute. */
  readonly path: string
  /** The root, or its parent as long as the root was never seen. */
  anchor: Anchor
  readonly fileMode: Mode
  readonly folderMode: Mode
  readonly context: PluginContext
  /** Folders, relative to the root, that are no symbolic links and survive a power cut. */
  readonly durableFolders: Set<string>
  /** Folders, relative to the root, that are no symbolic links; `''`, which may be one, once the root was seen. */
  readonly realFolders: Set<string>
  /** Buffers that no `get` uses now: making one a call would leave a trail of garbage. */
  readonly spareBuffers: Uint8Array[]
  /** Makes places in the queue of large objects. */
  readonly nextTurn: () => Turn
  /** Numbers the temporary files of this session. */
  readonly nextNumber: () => number
}

/** A folder that must stay the same one as long as the session lasts. */
export interface Anchor {
  readonly path: string
  /** Device and inode: another disk mounted there, or none, is noticed. */
  readonly identity: string
}

/** Permissions; `exact` ones are set again after creation, so that the umask does not narrow them. */
export interface Mode {
  readonly bits: number
  readonly exact: boolean
}

/** Folder below the root that takes files while they are written. */
export const incomingFolder = '.incoming'

/** Opens the folder of a target, or its parent when the last part alone is missing. Makes nothing. */
export async function openRoot(options: DiskTargetOptions, context: PluginContext, fs: FileSystem): Promise<DiskRoot> {
  context.signal.throwIfAborted()
  const path = resolve(context.baseDir, options.path)
  const anchor = await findAnchor(path, fs)
  let lastNumber = 0
  return {
    fs,
    path,
    anchor,
    fileMode: modeOf(options.fileMode, 0o600),
    folderMode: modeOf(options.folderMode, 0o700),
    spareBuffers: [],
    context,
    durableFolders: new Set(),
    realFolders: new Set(anchor.path === path ? [''] : []),
    nextTurn: turns(),
    nextNumber: () => ++lastNumber,
  }
}

/** Describes a folder as an anchor. */
export function anchorAt(path: string, status: FileStatus): Anchor {
  return { path, identity: `${status.dev}:${status.ino}` }
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

/** Makes the error for a root that is something else. */
export function notAFolder(path: string, where: Where) {
  return backupError('E_CONFIG', `The target's path ${path} is not a folder.`, where, {
    hint: "Set 'path' to a folder.",
  })
}

async function findAnchor(path: string, fs: FileSystem): Promise<Anchor> {
  const where: Where = { operation: 'target.open', attempt: 'open the target', path }
  try {
    // A symbolic link that leads nowhere, to a disk that is not mounted say, is not a folder that is yet to be made.
    const missing = (await ifThere(fs.stat(path))) === undefined && (await ifThere(fs.lstat(path))) === undefined
    const anchor = missing ? dirname(path) : path
    const status = await fs.stat(anchor)
    if (!status.isDirectory()) throw notAFolder(anchor, where)
    return anchorAt(anchor, status)
  } catch (error) {
    throw diskError(error, where)
  }
}

async function ifThere(step: Promise<FileStatus>): Promise<FileStatus | undefined> {
  try {
    return await step
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function modeOf(text: string | undefined, fallback: number): Mode {
  return text === undefined ? { bits: fallback, exact: false } : { bits: Number.parseInt(text, 8), exact: true }
}
