import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { isPageAligned, pageBytes } from './aligned-memory.js'

export { alignedMemory, pageBytes } from './aligned-memory.js'

/** The part of an open file that is written to; `FileHandle` of `node:fs/promises` fits. */
export interface WritableFile {
  readonly write: (
    data: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ) => Promise<{ readonly bytesWritten: number }>
}

/** Writes at positions of a file. */
export interface PositionalWriter {
  /** Takes any length at any position; writes that run at the same time must not overlap. */
  readonly write: (data: Uint8Array, position: number) => Promise<void>
}

/** Shorter runs of whole pages are cheaper through the page cache. */
const worthwhileBytes = 128 * 1024

/**
 * Writes bulk data past the page cache (`O_DIRECT`, open(2)), all else through it.
 *
 * A backup's bytes are not read again soon: caching them costs a large part of what compressing them does, and drives out
 * what others need. Data goes past the cache where it and its position both start at a page, in memory from
 * {@link alignedMemory}. Sync the file as ever: this replaces no `fsync`.
 * @param direct The same file from {@link openDirect}; without it, everything goes through the cache.
 */
export function directWriter(cached: WritableFile, direct: WritableFile | undefined): PositionalWriter {
  let bulk = direct
  return {
    write: async (data, position) => {
      const whole = data.byteLength - (data.byteLength % pageBytes)
      const goesDirect = whole >= worthwhileBytes && position % pageBytes === 0 && isPageAligned(data)
      let done = 0
      if (bulk !== undefined && goesDirect) {
        try {
          done = (await bulk.write(data, 0, whole, position)).bytesWritten
        } catch (error) {
          if (!isRefused(error)) throw error
          bulk = undefined
        }
      }
      // What a full disk or a file system without direct I/O left over is told, or done, by ordinary writes.
      while (done < data.byteLength) {
        const { bytesWritten } = await cached.write(data, done, data.byteLength - done, position + done)
        done += bytesWritten
      }
    },
  }
}

/** Opens once more, for direct writes, the file that `cached` has open; `undefined` where the system does not let it. */
export async function openDirect(
  path: string,
  cached: { readonly stat: () => Promise<{ readonly dev: number; readonly ino: number }> },
): Promise<FileHandle | undefined> {
  // Absent on systems that have no such flag.
  const { O_DIRECT, O_WRONLY, O_NOFOLLOW = 0 } = constants
  if (O_DIRECT === undefined) return undefined
  const direct = await open(path, O_WRONLY | O_DIRECT | O_NOFOLLOW).catch(() => undefined)
  if (direct === undefined) return undefined
  try {
    const [here, there] = await Promise.all([cached.stat(), direct.stat()])
    if (here.dev === there.dev && here.ino === there.ino) return direct
  } catch (error) {
    await direct.close()
    throw error
  }
  // Somebody put another file in its place: the writer's own handle is the one that counts.
  await direct.close()
  return undefined
}

/** Some file systems take the flag and refuse the writes. */
function isRefused(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EINVAL' || code === 'EOPNOTSUPP' || code === 'ENOTSUP'
}
