/** What can be wrong with an image, or with how it is used. */
export const imageErrorCodes = {
  'unknown-format': 'The bytes are no image of a known format.',
  corrupt: 'The image breaks the rules of its format.',
  unsupported: 'The image uses a feature that is not read.',
  encrypted: 'The image is encrypted.',
  'missing-file': 'A parent, extent or data file of the image is not there.',
  'refused-file': 'The image names a file that may not be reached, or its parents form a loop.',
  'parent-mismatch': 'A parent is not the one that its child was made from, or was changed since.',
  limit: 'The image claims more than is taken.',
  'out-of-range': 'A caller reached past the end of the disk.',
  order: 'A writer that takes ranges in ascending order only was given an earlier one.',
} as const

/** One of the codes above. */
export type ImageErrorCode = keyof typeof imageErrorCodes

/** Where and why, beside the code and the message. */
export interface ImageErrorOptions {
  /** Name of the file that is wrong. */
  readonly file?: string
  /** Byte in that file. */
  readonly offset?: number
  /** What can be done about it, as a sentence. */
  readonly hint?: string
  readonly cause?: unknown
}

const brand: unique symbol = Symbol.for('holdfast.image-error') as never

/** The one error class of this package; errors of the storage below are passed on as they are. */
export class ImageError extends Error {
  readonly code: ImageErrorCode
  readonly file: string | undefined
  readonly offset: number | undefined
  readonly hint: string | undefined
  readonly [brand] = true

  constructor(code: ImageErrorCode, message: string, options: ImageErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ImageError'
    this.code = code
    this.file = options.file
    this.offset = options.offset
    this.hint = options.hint
  }
}

/** Recognises an ImageError from any copy of this package; use it instead of `instanceof`. */
export function isImageError(error: unknown): error is ImageError {
  return typeof error === 'object' && error !== null && brand in error
}

/** Makes the error of a file that breaks its format's rules. */
export function corrupt(message: string, file: string, offset?: number): ImageError {
  return new ImageError('corrupt', message, {
    file,
    ...(offset !== undefined && { offset }),
    hint: 'Restore the file from a good copy; no part of it was guessed.',
  })
}
