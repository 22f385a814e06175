import type { ByteSource } from '@holdfast/formats'
import { walkHoles } from './hole-map.js'
import type { HoleSeeker } from './hole-seeker.js'

/** A file that is open for reading. */
export interface ReadableFile {
  readonly sizeBytes: number
  /** Reads up to `length` bytes at `offset` into `into`, from `at` on; returns how many. */
  readonly read: (into: Uint8Array, at: number, length: number, offset: number) => Promise<number>
  /** Returns the descriptor, for one synchronous call; throws once the file is closed. */
  readonly fd: () => number
}

/**
 * Makes the bytes of an open file as codecs read them, its holes told by the file system.
 *
 * Reading throws a RangeError when the file ends before its size, and what `read` throws.
 */
export function byteSource({ sizeBytes, read, fd }: ReadableFile, seeker: HoleSeeker | undefined): ByteSource {
  return {
    sizeBytes,
    read: async (offset, into) => {
      for (let filled = 0; filled < into.byteLength; ) {
        const bytesRead = await read(into, filled, into.byteLength - filled, offset + filled)
        if (bytesRead === 0)
          throw new RangeError(`it ends at ${offset + filled} bytes, before its size of ${sizeBytes}`)
        filled += bytesRead
      }
    },
    dataRanges: async function* (range) {
      for await (const { kind, ...data } of walkHoles([range], { seeker, fd })) if (kind === 'data') yield data
    },
  }
}
