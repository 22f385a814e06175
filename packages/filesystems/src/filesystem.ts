import type { FilesystemError } from './filesystem-error.js'

/** What every asynchronous call takes. */
export interface CallOptions {
  /** Abort: the call rejects with the signal's reason. */
  readonly signal: AbortSignal
}

/** Random access to the bytes of a disk or a partition. */
export interface ByteSource {
  readonly sizeBytes: number
  /**
   * Fills the whole of `into` from `offset`.
   *
   * Called: concurrently, never past `sizeBytes`. What it rejects with becomes the cause of a `FilesystemError` of code `read`.
   */
  readonly read: (offset: number, into: Uint8Array, options: CallOptions) => Promise<void>
}

/** File systems that are read. */
export type FilesystemKind = 'ext' | 'ntfs' | 'fat' | 'xfs'

/**
 * A file system of a guest, read only. Its calls may run concurrently; it holds no resource but bounded memory.
 *
 * @throws FilesystemError from every call: `damaged`, `unsupported`, `limit` and `read` beside what the call names
 */
export interface Filesystem {
  readonly kind: FilesystemKind
  readonly label?: string
  readonly uuid?: string
  /** Size that the file system claims, no more than that of its source. */
  readonly sizeBytes: number
  /** Things worth knowing, as sentences: that a journal has not been replayed, that a check is due. */
  readonly notes: readonly string[]
  readonly root: Entry
  /**
   * Yields the entries of a directory, without `.` and `..`, in the order of the file system.
   *
   * @throws FilesystemError `not-a-directory`
   */
  readonly list: (directory: Entry, options: CallOptions) => AsyncIterable<Entry>
  /**
   * Finds an entry by its path; names are compared as the file system does, symbolic links are not followed.
   *
   * @param path Names joined by `/`, as in `Entry.path`; empty names are skipped, so that `''` and `/` are the root.
   * @throws FilesystemError `not-found`, or `not-a-directory` where the path leads through something else
   */
  readonly find: (path: string, options: CallOptions) => Promise<Entry>
  /** Reads where a symbolic link leads, unchecked. @throws FilesystemError `not-a-symlink` */
  readonly readLink: (link: Entry, options: CallOptions) => Promise<string>
  /** Opens a regular file for random access; there is nothing to close. @throws FilesystemError `not-a-file` */
  readonly open: (file: Entry, options: CallOptions) => Promise<OpenFile>
  /**
   * Reads all extended attributes of an entry by their full names, such as `user.note` and `security.selinux`.
   *
   * POSIX ACLs are among them as `system.posix_acl_access` and `system.posix_acl_default`, in the form of Linux's getxattr
   * (version 2, little-endian), whatever their form on disk is.
   */
  readonly extendedAttributes?: (entry: Entry, options: CallOptions) => Promise<ReadonlyMap<string, Uint8Array>>
  /** Lists the alternate data streams of an entry. */
  readonly streams?: (entry: Entry, options: CallOptions) => Promise<readonly AlternateStream[]>
}

/** What an entry is. */
export type EntryType = 'file' | 'directory' | 'symlink' | 'char-device' | 'block-device' | 'fifo' | 'socket' | 'other'

/** A name in a directory and what it leads to. It belongs to the file system that made it. */
export interface Entry {
  /** Full path inside the file system, names joined by `/`; the root is `/`. */
  readonly path: string
  /**
   * One name; the root's is empty. Never `.` or `..`, and without `/` and NUL.
   *
   * Bytes of a name that are no UTF-8 are written as `\xE9`; `nameToBytes` gives the bytes back.
   */
  readonly name: string
  readonly type: EntryType
  readonly sizeBytes: number
  readonly metadata: Metadata
  /**
   * What is wrong with the entry, where all that can be said of it is its name.
   *
   * Such an entry is of type `other`, so that one that is damaged does not hide its neighbours; every use of it throws this.
   */
  readonly problem?: FilesystemError
}

/** What a file system says about an entry; what it does not know is absent. */
export interface Metadata {
  /** Number that tells one file from another; equal ones of files are hard links of one. */
  readonly inode?: number
  readonly links?: number
  /** POSIX permission bits, set-id and sticky ones included, without those of the type: at most 0o7777. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly modifiedAt?: Date
  readonly accessedAt?: Date
  /** When the metadata changed last. */
  readonly changedAt?: Date
  readonly createdAt?: Date
  /** Of a device. */
  readonly device?: { readonly major: number; readonly minor: number }
  readonly attributes?: readonly FileAttribute[]
}

/** Attributes of files as DOS and Windows know them. */
export type FileAttribute = 'read-only' | 'hidden' | 'system' | 'archive' | 'compressed' | 'encrypted'

/** A run of bytes. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** The content of a file. */
export interface OpenFile {
  readonly sizeBytes: number
  /** Yields where data is, in ascending order and never touching; what lies between is holes. */
  readonly dataRanges: (options: CallOptions) => AsyncIterable<ByteRange>
  /**
   * Fills the whole of `into` from `offset`; holes read as zeros.
   *
   * @throws FilesystemError `out-of-range` past the end of the file
   */
  readonly read: (offset: number, into: Uint8Array, options: CallOptions) => Promise<void>
}

/** An alternate data stream: content of a file beside its main one. */
export interface AlternateStream {
  readonly name: string
  readonly sizeBytes: number
  readonly open: (options: CallOptions) => Promise<OpenFile>
}
