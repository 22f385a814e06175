import { ImageError } from '../image/image-error.js'

/** Most that is ever allocated at once for something that an image claims. */
export const allocationLimitBytes = 16 * 2 ** 20

/**
 * Allocates zeroed memory for a table or block whose size a file claims.
 *
 * Every allocation of that kind goes through here, so that no header can make a reader take more than the limit.
 * @throws ImageError `limit`
 */
export function allocate(length: number, what: string, file: string): Uint8Array<ArrayBuffer> {
  if (Number.isSafeInteger(length) && length >= 0 && length <= allocationLimitBytes) return new Uint8Array(length)
  throw new ImageError(
    'limit',
    `${what} of ${length} bytes is larger than the ${allocationLimitBytes} that are read.`,
    {
      file,
    },
  )
}
