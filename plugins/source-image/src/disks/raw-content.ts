import { type HoleSeeker, walkHoles } from '@holdfast/machine-files'
import { readError } from '../errors.js'
import type { DiskFile } from '../files/disk-file.js'
import { type DiskContent, pieceBytes } from './disk-content.js'

/** Makes the content of a disk that is one raw file: read straight into the caller's memory, its holes found by the file system. */
export function rawContent(disk: string, file: DiskFile, seeker: HoleSeeker | undefined): DiskContent {
  const { sizeBytes } = file.opened
  return {
    sizeBytes,
    files: [file],
    layers: [{ format: 'raw', variant: 'plain', sizeBytes, bitmaps: [], files: [file] }],
    extents: (range, signal) => walkHoles([range], { seeker, fd: file.fd, signal }),
    read: async (offset, into, signal) => {
      let filled = 0
      while (filled < into.byteLength) {
        const length = Math.min(pieceBytes, into.byteLength - filled)
        const bytesRead = await file.read(into, filled, length, offset + filled)
        signal.throwIfAborted()
        if (bytesRead === 0)
          throw readError(disk, file.path, `it ends at ${offset + filled} bytes, before its size of ${sizeBytes}`)
        filled += bytesRead
      }
    },
    close: () => file.close(),
  }
}
