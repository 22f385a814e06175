import type { NamedSource } from '@holdfast/formats'
import { byteSource } from './byte-source.js'
import { loadHoleSeeker } from './hole-seeker.js'
import { type OpenFile, openRegularFile } from './regular-file.js'

/**
 * Opens a regular file as a codec reads it, with its holes.
 *
 * @throws TypeError when it is a folder, a FIFO, a socket or a device; what the system says when it cannot be opened
 */
export async function openFileSource(path: string): Promise<NamedSource> {
  const opened = await openRegularFile(path)
  if (opened.kind === 'open') return fileSource(opened)
  throw opened.cause ?? new TypeError(`${path} is no regular file`)
}

/** Makes the source of an open file, named by its real path; takes over the file. */
export async function fileSource({ handle, realPath }: OpenFile): Promise<NamedSource> {
  try {
    const { size: sizeBytes } = await handle.stat()
    const file = {
      sizeBytes,
      read: async (into: Uint8Array, at: number, length: number, offset: number) =>
        (await handle.read(into, at, length, offset)).bytesRead,
      fd: () => handle.fd,
    }
    return { name: realPath, source: byteSource(file, await loadHoleSeeker()), close: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw error
  }
}
