import * as node from 'node:fs/promises'
import { openDirect } from '@holdfast/core/direct-file'

/** The part of `node:fs/promises` that the target needs; `memfs` and fault-injecting wrappers fit as well. */
export interface FileSystem {
  readonly open: (path: string, flags: number, mode?: number) => Promise<OpenFile>
  /** Opens a file once more, for writing past the page cache; absent or `undefined` where that is not possible. */
  readonly openDirect?: (path: string, cached: OpenFile) => Promise<OpenFile | undefined>
  readonly mkdir: (path: string, options: { readonly mode: number }) => Promise<unknown>
  readonly chmod: (path: string, mode: number) => Promise<void>
  /** Follows symbolic links; used on the target's own folder only. */
  readonly stat: (path: string) => Promise<FileStatus>
  readonly lstat: (path: string) => Promise<FileStatus>
  readonly link: (from: string, to: string) => Promise<void>
  readonly rename: (from: string, to: string) => Promise<void>
  readonly unlink: (path: string) => Promise<void>
  /** Closes itself when its iteration ends or is left. */
  readonly opendir: (path: string) => Promise<AsyncIterable<FolderEntry>>
  readonly statfs: (path: string) => Promise<VolumeStatus>
}

/** An open file or folder. */
export interface OpenFile {
  readonly read: (
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ) => Promise<{ readonly bytesRead: number }>
  readonly write: (
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ) => Promise<{ readonly bytesWritten: number }>
  readonly stat: () => Promise<FileStatus>
  readonly sync: () => Promise<void>
  readonly close: () => Promise<void>
}

/** What the target asks of a file's status. */
export interface FileStatus {
  readonly size: number
  readonly mtime: Date
  readonly mtimeMs: number
  readonly nlink: number
  readonly dev: number
  readonly ino: number
  readonly isFile: () => boolean
  readonly isDirectory: () => boolean
}

/** A name in a folder. */
export interface FolderEntry {
  readonly name: string
}

/** Room on a volume, in blocks of `bsize` bytes. */
export interface VolumeStatus {
  readonly bsize: number
  readonly blocks: number
  readonly bavail: number
}

/** The real file system of the host. */
export const nodeFileSystem: FileSystem = {
  open: node.open,
  openDirect,
  mkdir: (path, options) => node.mkdir(path, options),
  chmod: node.chmod,
  stat: (path) => node.stat(path),
  lstat: (path) => node.lstat(path),
  link: node.link,
  rename: node.rename,
  unlink: node.unlink,
  opendir: (path) => node.opendir(path, { bufferSize: 256 }),
  statfs: (path) => node.statfs(path),
}
