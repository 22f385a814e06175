import { statfs } from 'node:fs/promises'
import type { BackupError, DiskId } from '@holdfast/core'
import { sourceError } from '../errors.js'

/** Below this a scratch folder is as good as full. */
const nearlyFullBytes = 16 * 2 ** 20

/** Makes the error of a snapshot that QEMU itself cannot read any more; `words` are what it says. */
export async function brokenSnapshot(
  { machine, id, scratchFolder }: { readonly machine: string; readonly id: DiskId; readonly scratchFolder: string },
  cause: unknown,
  words?: string,
): Promise<BackupError> {
  const free = await freeBytes(scratchFolder)
  const isFull = free !== undefined && free < nearlyFullBytes
  const why = isFull ? `${scratchFolder} is full` : `${scratchFolder} is full or too slow, or the storage fails`
  return sourceError(
    'E_SOURCE_READ',
    words === undefined
      ? `The snapshot of disk '${id}' of machine '${machine}' is broken: QEMU could not put aside what the guest overwrote.`
      : `QEMU could not send the snapshot of disk '${id}' of machine '${machine}': ${words}.`,
    {
      operation: 'source.read',
      context: { machine, disk: id },
      hint: `${why}. The guest was not disturbed. Give scratch more room, or back up when the guest writes less.`,
      cause,
    },
  )
}

async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch {
    return undefined
  }
}
