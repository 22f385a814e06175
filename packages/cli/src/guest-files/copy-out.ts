import { constants } from 'node:fs'
import {
  chmod,
  chown,
  type FileHandle,
  lchown,
  link,
  lutimes,
  mkdir,
  open,
  rename,
  rm,
  symlink,
  utimes,
} from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError, isBackupError } from '@holdfast/core'
import { type Entry, type Filesystem, isFilesystemError, nameToBytes, nameToText } from '@holdfast/filesystems'
import { loadSetAttribute, pathProblem, refuseExisting, type SetAttribute, systemCode } from '@holdfast/machine-files'

/** What was copied, and what was not. */
export interface CopiedFiles {
  /** Where it is. */
  readonly path: string
  readonly files: number
  readonly directories: number
  readonly links: number
  /** Bytes of files, without holes. */
  readonly bytes: number
  /** Entries that are not there, or not as they were, each with the reason. */
  readonly problems: readonly { readonly path: string; readonly problem: string }[]
  readonly problemCount: number
}

/** How to copy. */
export interface CopyOutOptions {
  readonly signal: AbortSignal
  /** Called after each file. */
  readonly onFile?: (entry: Entry, bytesSoFar: number) => void
}

const pieceBytes = 2 ** 20
const keptProblems = 1000

/**
 * Copies a file or a whole directory out of a file system, as `<folder>/<name>`.
 *
 * Kept are content with its holes, links, hard links, modes and times; extended attributes and ACLs where the system lets; owners for
 * root. Nothing existing is overwritten; until all is there it has another name. What cannot be copied is told, and the rest goes on.
 * Guarantee: nothing is written outside of `<folder>/<name>`, whatever the guest's names and links are: they are made, never followed.
 *
 * @throws BackupError `E_PLACEMENT`; what the repository throws for damage that hits the folders themselves
 */
export async function copyOut(
  filesystem: Filesystem,
  entry: Entry,
  folder: string,
  name: string,
  options: CopyOutOptions,
): Promise<CopiedFiles> {
  const path = join(folder, name)
  const unfinished = join(folder, `.${name}.restoring`)
  const copy = await copier(filesystem, options)
  try {
    await mkdir(folder, { recursive: true })
    await refuseExisting(path)
    await rm(unfinished, { recursive: true, force: true })
    await copy.entry(entry, Buffer.from(unfinished))
    await refuseExisting(path)
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw placementError(error, path, options.signal)
  }
  return { path, ...copy.facts() }
}

interface Copier {
  readonly entry: (entry: Entry, to: Buffer) => Promise<void>
  readonly facts: () => Omit<CopiedFiles, 'path'>
}

async function copier(filesystem: Filesystem, { signal, onFile }: CopyOutOptions): Promise<Copier> {
  const setAttribute = await loadSetAttribute()
  const isRoot = process.getuid?.() === 0
  const piece = new Uint8Array(pieceBytes)
  const byInode = new Map<number, Buffer>()
  const counts = { files: 0, directories: 0, links: 0, bytes: 0, problemCount: 0 }
  const problems: { readonly path: string; readonly problem: string }[] = []
  const call = { signal }

  const tell = ({ path }: Entry, problem: string) => {
    counts.problemCount++
    if (problems.length < keptProblems) problems.push({ path, problem })
  }

  const content = async (entry: Entry, handle: FileHandle): Promise<void> => {
    const file = await filesystem.open(entry, call)
    await handle.truncate(file.sizeBytes)
    for await (const { offset, length } of file.dataRanges(call)) {
      for (let at = offset; at < offset + length; at += pieceBytes) {
        const part = piece.subarray(0, Math.min(pieceBytes, offset + length - at))
        await file.read(at, part, call)
        for (let written = 0; written < part.byteLength; )
          written += (await handle.write(part, written, part.byteLength - written, at + written)).bytesWritten
        counts.bytes += part.byteLength
      }
    }
  }

  const file = async (entry: Entry, to: Buffer): Promise<void> => {
    const { inode, links = 1 } = entry.metadata
    const twin = links > 1 && inode !== undefined ? byInode.get(inode) : undefined
    if (twin !== undefined) {
      await link(twin, to)
    } else {
      const handle = await open(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
      try {
        await content(entry, handle)
      } finally {
        await handle.close()
      }
      if (links > 1 && inode !== undefined) byInode.set(inode, to)
      await metadata(entry, to)
    }
    counts.files++
    onFile?.(entry, counts.bytes)
  }

  const directory = async (entry: Entry, to: Buffer): Promise<void> => {
    await mkdir(to, 0o700)
    counts.directories++
    try {
      for await (const child of filesystem.list(entry, call))
        await one(child, Buffer.concat([to, Buffer.from('/'), nameBytes(child.name)]))
    } catch (error) {
      tell(entry, reasonOf(error, signal))
    }
    await metadata(entry, to)
  }

  const metadata = async (entry: Entry, to: Buffer): Promise<void> => {
    const { mode, uid, gid, modifiedAt, accessedAt } = entry.metadata
    const isLink = entry.type === 'symlink'
    const owned = isRoot && uid !== undefined && gid !== undefined
    if (owned) await (isLink ? lchown : chown)(to, uid, gid)
    await attributes(entry, to)
    // Who does not own it must not get the rights of who did.
    if (mode !== undefined && !isLink) await chmod(to, owned ? mode : mode & 0o777)
    if (modifiedAt !== undefined) await (isLink ? lutimes : utimes)(to, accessedAt ?? modifiedAt, modifiedAt)
  }

  const attributes = async (entry: Entry, to: Buffer): Promise<void> => {
    for (const [name, value] of (await filesystem.extendedAttributes?.(entry, call)) ?? []) {
      const failed = setAttribute === undefined ? 'this system sets none' : failureOf(setAttribute, to, name, value)
      if (failed !== undefined) tell(entry, `its attribute ${name} was not set: ${failed}`)
    }
    const streams = (await filesystem.streams?.(entry, call)) ?? []
    if (streams.length > 0) tell(entry, `its alternate streams were left out: ${streams.map((s) => s.name).join(', ')}`)
  }

  const one = async (entry: Entry, to: Buffer): Promise<void> => {
    signal.throwIfAborted()
    try {
      if (entry.problem !== undefined) throw entry.problem
      switch (entry.type) {
        case 'file':
          return await file(entry, to)
        case 'directory':
          return await directory(entry, to)
        case 'symlink':
          await symlink(Buffer.from(await filesystem.readLink(entry, call)), to)
          counts.links++
          return await metadata(entry, to)
        default:
          return tell(entry, `it is a ${entry.type}, which is not copied`)
      }
    } catch (error) {
      tell(entry, reasonOf(error, signal))
    }
  }

  const nameBytes = (name: string): Uint8Array =>
    filesystem.kind === 'ntfs' || filesystem.kind === 'fat' ? Buffer.from(nameToText(name)) : nameToBytes(name)

  return {
    entry: async (entry, to) => {
      await one(entry, to)
      const [problem] = problems
      if (counts.files + counts.directories + counts.links === 0 && problem !== undefined)
        throw new BackupError('E_SOURCE_INVALID', `${problem.path} cannot be copied: ${problem.problem}.`)
    },
    facts: () => ({ ...counts, problems }),
  }
}

function failureOf(setAttribute: SetAttribute, to: Uint8Array, name: string, value: Uint8Array): string | undefined {
  const number = setAttribute(to, name, value)
  return number === 0 ? undefined : `system error ${number}`
}

/** What only hits one entry is a reason; what hits all that follow is thrown. */
function reasonOf(error: unknown, signal: AbortSignal): string {
  signal.throwIfAborted()
  if (isFilesystemError(error)) return isBackupError(error.cause) ? error.cause.message : error.message
  const code = systemCode(error)
  if (code === undefined || ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE'].includes(code)) throw error
  return pathProblem(error) ?? code
}

function placementError(error: unknown, path: string, signal: AbortSignal): unknown {
  signal.throwIfAborted()
  if (isBackupError(error) || isFilesystemError(error)) return error
  return new BackupError(
    'E_PLACEMENT',
    `${path} cannot be written: ${pathProblem(error) ?? systemCode(error) ?? 'unknown'}.`,
    {
      hint: 'Check the room and the permissions there.',
      cause: error,
    },
  )
}
