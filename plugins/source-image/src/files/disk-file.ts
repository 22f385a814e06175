import { fstatSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { sourceError } from '../errors.js'

/** What tells one content of a file from a later one, as the file system sees it. */
export interface FileStamp {
  readonly sizeBytes: number
  readonly inode: bigint
  readonly modifiedNs: bigint
  readonly changedNs: bigint
}

/** A file that holds a disk or a part of one, open for reading. */
export interface DiskFile {
  readonly path: string
  /** The file when it was opened, before any byte of it was read. */
  readonly opened: FileStamp
  /** When the file came to be, in ns since 1970; 0 where the file system does not keep that. */
  readonly bornNs: bigint
  /** Tells the file from every other that is there now, whatever the path by which it was reached. */
  readonly place: string
  /** Reads up to `length` bytes at `offset` into `into`, from `at` on; returns how many. */
  readonly read: (into: Uint8Array, at: number, length: number, offset: number) => Promise<number>
  /** Asked after each read, and answered from memory: by way of another thread it would cost as much as reading a MiB. */
  readonly stamp: () => FileStamp
  /** Returns the descriptor, for one synchronous call. @throws BackupError `E_SOURCE_READ` once closed */
  readonly fd: () => number
  /** Closes the file after the reads under way. Idempotency: closing twice is no error. */
  readonly close: () => Promise<void>
}

/** Wraps an open file, and takes its first stamp. */
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
  const stats = () => fstatSync(open().fd, { bigint: true })
  const first = stats()
  return {
    path,
    opened: stampOf(first),
    bornNs: first.birthtimeNs,
    place: `${first.dev}:${first.ino}`,
    read: async (into, at, length, offset) => (await open().read(into, at, length, offset)).bytesRead,
    stamp: () => stampOf(stats()),
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

/** Returns when a file was last written to or changed, in ms since 1970. */
export function stampedMs({ modifiedNs, changedNs }: FileStamp): number {
  return Number((modifiedNs > changedNs ? modifiedNs : changedNs) / 1_000_000n)
}

function stampOf(stats: {
  readonly size: bigint
  readonly ino: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}): FileStamp {
  return { sizeBytes: Number(stats.size), inode: stats.ino, modifiedNs: stats.mtimeNs, changedNs: stats.ctimeNs }
}
