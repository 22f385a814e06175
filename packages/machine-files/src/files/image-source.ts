import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { ByteSource, NamedSource } from '@holdfast/formats'
import { walkHoles } from './hole-map.js'
import { type HoleSeeker, loadHoleSeeker } from './hole-seeker.js'

/**
 * Opens a regular file as a codec reads it, with its holes.
 *
 * @throws TypeError when it is a folder, a FIFO, a socket or a device; what the system says when it cannot be opened
 */
export async function openFileSource(path: string): Promise<NamedSource> {
  // Looked at before it is opened: merely opening a FIFO or a device may block or act on it.
  assertRegular(await stat(path), path)
  const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0 } = constants
  const handle = await open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
  try {
    const stats = await handle.stat()
    assertRegular(stats, path)
    const source = handleSource(handle, stats.size, await loadHoleSeeker())
    return { name: path, source, close: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw error
  }
}

function assertRegular(stats: Stats, path: string): void {
  if (!stats.isFile()) throw new TypeError(`${path} is no regular file`)
}

function handleSource(handle: FileHandle, sizeBytes: number, seeker: HoleSeeker | undefined): ByteSource {
  return {
    sizeBytes,
    read: async (offset, into) => {
      for (let filled = 0; filled < into.byteLength; ) {
        const { bytesRead } = await handle.read(into, filled, into.byteLength - filled, offset + filled)
        if (bytesRead === 0)
          throw new RangeError(`the file ends at ${offset + filled} bytes: it was cut while it was read`)
        filled += bytesRead
      }
    },
    dataRanges: async function* (range) {
      for await (const { kind, ...data } of walkHoles([range], { seeker, fd: () => handle.fd }))
        if (kind === 'data') yield data
    },
  }
}
