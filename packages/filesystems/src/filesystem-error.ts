/** What can be wrong with a file system, or with how it is used. */
export const filesystemErrorCodes = {
  unrecognised: 'The bytes are no file system or partition table that is known.',
  damaged: 'The file system breaks the rules of its format.',
  unsupported: 'The file system uses a feature that is not read.',
  'not-found': 'There is no entry of that path.',
  'not-a-file': 'The entry is no regular file.',
  'not-a-directory': 'The entry is no directory.',
  'not-a-symlink': 'The entry is no symbolic link.',
  'out-of-range': 'A caller reached past the end of a file.',
  limit: 'The file system claims more than is taken.',
  read: 'The disk below could not be read.',
} as const

/** One of the codes above. */
export type FilesystemErrorCode = keyof typeof filesystemErrorCodes

/** Where and why, beside the code and the message. */
export interface FilesystemErrorOptions {
  /** Byte in the disk or partition that is wrong. */
  readonly offset?: number
  /** Inode or file record that is wrong. */
  readonly inode?: number
  /** Path of the entry concerned. */
  readonly path?: string
  /** What can be done about it, as a sentence. */
  readonly hint?: string
  readonly cause?: unknown
}

const brand: unique symbol = Symbol.for('holdfast.filesystem-error') as never

/** The one error class of this package. */
export class FilesystemError extends Error {
  readonly code: FilesystemErrorCode
  readonly offset: number | undefined
  readonly inode: number | undefined
  readonly path: string | undefined
  readonly hint: string | undefined
  readonly [brand] = true

  constructor(code: FilesystemErrorCode, message: string, options: FilesystemErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'FilesystemError'
    this.code = code
    this.offset = options.offset
    this.inode = options.inode
    this.path = options.path
    this.hint = options.hint
  }
}

/** Recognises a FilesystemError from any copy of this package; use it instead of `instanceof`. */
export function isFilesystemError(error: unknown): error is FilesystemError {
  return typeof error === 'object' && error !== null && brand in error
}

/** Where a structure breaks the rules. */
export type Place = Pick<FilesystemErrorOptions, 'offset' | 'inode' | 'path'>

/** Makes the error of a structure that breaks its format's rules. */
export function damaged(message: string, place: Place = {}): FilesystemError {
  return new FilesystemError('damaged', message, {
    ...place,
    hint: 'Check the file system with its own tools on a restored copy (e2fsck, xfs_repair, chkdsk); nothing was guessed.',
  })
}

/** Makes the error of a feature that is not read, by its name. */
export function unsupported(message: string, place: Place = {}): FilesystemError {
  return new FilesystemError('unsupported', message, {
    ...place,
    hint: 'Restore the whole disk and read it with the guest system.',
  })
}
