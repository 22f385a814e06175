import type { ByteRange, ByteSource } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'

/** Views a part of a disk, such as a partition, as a source of its own. @throws FilesystemError `damaged` when it is not within */
export function partSource(source: ByteSource, { offset, length }: ByteRange): ByteSource {
  if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || length > source.sizeBytes - offset)
    throw damaged(`a part of ${length} bytes is not within the disk of ${source.sizeBytes} bytes`, { offset })
  return {
    sizeBytes: length,
    read: (at, into, options) => source.read(offset + at, into, options),
  }
}
