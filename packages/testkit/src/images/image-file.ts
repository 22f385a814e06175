import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { DiskImage } from './disk-image.js'

const pieceBytes = 1024 * 1024

/** SHA-256 of the whole disk as the guest reads it, in hex. */
export function imageSha256(image: DiskImage): string {
  const hash = createHash('sha256')
  const piece = new Uint8Array(pieceBytes)
  for (let offset = 0; offset < image.sizeBytes; offset += pieceBytes) {
    const part = piece.subarray(0, Math.min(pieceBytes, image.sizeBytes - offset))
    image.fillRange(offset, part)
    hash.update(part)
  }
  return hash.digest('hex')
}

/** Writes an image as a raw file whose unallocated extents are holes; an existing file is replaced. */
export async function writeImageFile(path: string, image: DiskImage): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.truncate(image.sizeBytes)
    const piece = new Uint8Array(pieceBytes)
    for (const extent of image.extents()) {
      if (extent.kind !== 'data') continue
      const end = extent.offset + extent.length
      for (let offset = extent.offset; offset < end; offset += pieceBytes) {
        const part = piece.subarray(0, Math.min(pieceBytes, end - offset))
        image.fillRange(offset, part)
        await writeFully(file, part, offset)
      }
    }
  } finally {
    await file.close()
  }
}

async function writeFully(file: Awaited<ReturnType<typeof open>>, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done)
    done += bytesWritten
  }
}
