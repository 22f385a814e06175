import { fstatSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { sourceError } from './errors.js'

/** What tells one content of a file from a later one, as the file system sees it. */
export interface FileStamp {
  readonly sizeBytes: number
  readonly inode: bigint
  readonly modifiedNs: bigint
  readonly changedNs: bigint
}

/** An image file, open for reading. */
export interface DiskFile {
  readonly path: string
  /** Reads up to `length` bytes at `offset` into `into`, from `at` on; returns how many. */
  readonly read: (into: Uint8Array, at: number, length: number, offset: number) => Promise<number>
  /** Asked after each read, and answered from memory: by way of another thread it would cost as much as reading a MiB. */
  readonly stamp: () => FileStamp
  /** Returns the descriptor, for one synchronous call. @throws BackupError `E_SOURCE_READ` once closed */
  readonly fd: () => number
  /** Closes the file after the reads under way. Idempotency: closing twice is no error. */
  readonly close: () => Promise<void>
}

/** Wraps an open file. */
export function diskFile(handle: FileHandle, path: string): DiskFile {
  let closing: Promise<void> | undefined
  const open = () => {
    if (closing === undefined) return handle
    throw sourceError('E_SOURCE_READ', `${path} was read after its capture had been released.`, {
      operation: 'source.read',
      context: { file: path },
      hint: 'This is a defect of the program that reads: it must keep the capture until its reads are done.',
    })
  }
  return {
    path,
    read: async (into, at, length, offset) => (await open().read(into, at, length, offset)).bytesRead,
    stamp: () => {
      const stats = fstatSync(open().fd, { bigint: true })
      return { sizeBytes: Number(stats.size), inode: stats.ino, modifiedNs: stats.mtimeNs, changedNs: stats.ctimeNs }
    },
    fd: () => open().fd,
    close: () => {
      closing ??= handle.close()
      return closing
    },
  }
}

/** Tells whether two stamps are of the same content. */
export function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return (
    a.modifiedNs === b.modifiedNs && a.changedNs === b.changedNs && a.sizeBytes === b.sizeBytes && a.inode === b.inode
  )
}
