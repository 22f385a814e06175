import { ImageError } from '../image/image-error.js'

/** Makes the error of a file that uses what this package does not read. */
export function unsupported(message: string, file: string, hint: string): ImageError {
  return new ImageError('unsupported', message, { file, hint })
}

/** Makes the error of a file that claims more than is taken. */
export function tooLarge(message: string, file: string, hint: string): ImageError {
  return new ImageError('limit', message, { file, hint })
}
