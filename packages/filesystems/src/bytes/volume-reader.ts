import type { ByteSource, CallOptions } from '../filesystem.js'
import { damaged, FilesystemError, isFilesystemError } from '../filesystem-error.js'
import { blockCache } from './block-cache.js'

/** Most that is ever allocated at once for something that a file system claims. */
const allocationLimitBytes = 16 * 2 ** 20

/** Reads a disk or partition for a file system: every range is checked, metadata is cached within a bound. */
export interface VolumeReader {
  readonly sizeBytes: number
  /**
   * Reads a structure called `what` by way of the cache; the bytes are the caller's own.
   *
   * @throws FilesystemError `damaged` when it is not within the volume, `limit` when it is absurdly large, `read`
   */
  readonly structure: (offset: number, length: number, what: string, options: CallOptions) => Promise<Uint8Array>
  /**
   * Fills `into` with content of a file, past the cache.
   *
   * @throws FilesystemError `damaged` when it is not within the volume, `read`
   */
  readonly content: (offset: number, into: Uint8Array, options: CallOptions) => Promise<void>
}

/**
 * Wraps a source: all that a file system reads goes through here.
 *
 * Guarantee: the cache takes at most 16 MiB; the source is asked in aligned blocks of 64 KiB, neighbours in one call.
 */
export function volumeReader(source: ByteSource): VolumeReader {
  const { sizeBytes } = source
  const assertWithin = (offset: number, length: number, what: string) => {
    if (Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && length <= sizeBytes - offset) return
    throw damaged(`${what} at ${offset}, ${length} bytes long, is not within the volume of ${sizeBytes} bytes`, {
      offset,
    })
  }
  const read = async (offset: number, into: Uint8Array, options: CallOptions) => {
    options.signal.throwIfAborted()
    try {
      await source.read(offset, into, options)
    } catch (cause) {
      options.signal.throwIfAborted()
      if (isFilesystemError(cause)) throw cause
      const message = `${into.byteLength} bytes at ${offset} of the disk could not be read`
      throw new FilesystemError('read', message, { offset, cause })
    }
  }
  const cache = blockCache(sizeBytes, read)
  return {
    sizeBytes,
    structure: async (offset, length, what, options) => {
      assertWithin(offset, length, what)
      if (length > allocationLimitBytes)
        throw new FilesystemError(
          'limit',
          `${what} of ${length} bytes is larger than the ${allocationLimitBytes} read`,
          {
            offset,
          },
        )
      const bytes = new Uint8Array(length)
      options.signal.throwIfAborted()
      await cache.read(offset, bytes, options)
      return bytes
    },
    content: async (offset, into, options) => {
      assertWithin(offset, into.byteLength, 'the content of a file')
      await read(offset, into, options)
    },
  }
}
