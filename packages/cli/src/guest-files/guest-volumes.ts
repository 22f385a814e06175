import { BackupError, isBackupError } from '@holdfast/core'
import type { ReadableDisk } from '@holdfast/core/engine'
import {
  type ByteSource,
  type Filesystem,
  type FilesystemError,
  isFilesystemError,
  openFilesystem,
  type Volume,
  volumesOf,
} from '@holdfast/filesystems'
import { formatBytes } from '../render/units.js'
import type { GuestPlace } from './guest-place.js'

/** A volume of a disk, and its name for people. */
export interface NamedVolume {
  /** `vda`, or `vda/2` for a partition. */
  readonly name: string
  readonly volume: Volume
}

/** Lists the volumes of a disk. @throws BackupError */
export async function guestVolumes(disk: ReadableDisk, signal: AbortSignal): Promise<readonly NamedVolume[]> {
  const source: ByteSource = { sizeBytes: disk.sizeBytes, read: disk.read }
  const volumes = await fromGuest(disk.id, () => volumesOf(source, { signal }))
  return volumes.map((volume) => ({
    name: volume.partition === undefined ? disk.id : `${disk.id}/${volume.partition.index}`,
    volume,
  }))
}

/** What a volume holds, for people. */
export function contentName({ content }: Volume): string {
  switch (content.is) {
    case 'filesystem':
      return content.kind
    case 'foreign':
      return `${content.name} (not read)`
    case 'unknown':
      return 'unknown'
    case 'problem':
      return 'damaged'
  }
}

/** Opens the file system of a place: the partition that is named, or the only one that can be read. @throws BackupError */
export async function openGuestFilesystem(
  disk: ReadableDisk,
  { partition }: GuestPlace,
  signal: AbortSignal,
): Promise<Filesystem> {
  const volumes = await guestVolumes(disk, signal)
  const named = volumes.filter(({ volume }) => partition === undefined || volume.partition?.index === partition)
  const readable = named.filter(({ volume }) => volume.content.is === 'filesystem')
  const [chosen] = partition === undefined ? readable : named
  if (chosen === undefined || (partition === undefined && readable.length > 1)) {
    const known = volumes.map(({ name, volume }) => `${name} (${contentName(volume)}, ${sizeOf(volume)})`).join(', ')
    const why = chosen === undefined ? 'has no such volume that can be read' : 'has several volumes'
    throw new BackupError('E_USAGE', `Disk '${disk.id}' ${why}.`, {
      context: { disk: disk.id },
      hint: `Its volumes: ${known === '' ? 'none' : known}.`,
    })
  }
  return await fromGuest(chosen.name, () => openFilesystem(chosen.volume.source(), { signal }))
}

/** Does something with the file systems of a guest and translates their errors. */
export async function fromGuest<T>(where: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw isFilesystemError(error) ? translated(error, where) : error
  }
}

/** Size of a volume as its partition table has it. */
export function sizeOf(volume: Volume): string {
  return formatBytes(volume.partition?.sizeBytes ?? volume.source().sizeBytes)
}

function translated(error: FilesystemError, where: string): BackupError {
  // A chunk that is damaged, a target that is away: the engine has said it better.
  if (error.code === 'read' && isBackupError(error.cause)) return error.cause
  const { offset, inode, path, hint } = error
  return new BackupError(codeOf(error), error.message, {
    context: {
      volume: where,
      ...(path !== undefined && { path }),
      ...(inode !== undefined && { inode }),
      ...(offset !== undefined && { offset }),
    },
    ...(hint !== undefined && { hint }),
    cause: error,
  })
}

function codeOf({ code }: FilesystemError): BackupError['code'] {
  switch (code) {
    case 'not-found':
    case 'not-a-file':
    case 'not-a-directory':
    case 'not-a-symlink':
    case 'out-of-range':
      return 'E_USAGE'
    case 'unrecognised':
    case 'unsupported':
      return 'E_UNSUPPORTED'
    case 'damaged':
    case 'limit':
      return 'E_SOURCE_INVALID'
    case 'read':
      return 'E_TARGET_IO'
  }
}
