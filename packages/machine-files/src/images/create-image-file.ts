import { randomBytes } from 'node:crypto'
import { lstat, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { ImageWriter } from '@holdfast/formats'
import type { FileStoreOptions } from '../files/image-store.js'
import { refuseExisting } from '../files/refuse-existing.js'
import { placementFailure } from '../placement/placement-failure.js'
import type { ImageKind } from './image-kinds.js'
import { beginImage } from './new-image.js'

/** An image that is being written. Disposing it before `commit` removes its files. */
export interface CreatedImage extends AsyncDisposable {
  readonly writer: ImageWriter
  /** Completes the image and gives it its name. Called once, after every write resolved. */
  readonly commit: () => Promise<{ readonly fileBytes: number }>
}

/** What to create. */
export interface CreateImageOptions extends ImageKind, FileStoreOptions {
  readonly sizeBytes: number
}

/**
 * Creates an image; its first file has another name until it is complete, and nothing existing is overwritten.
 *
 * @throws BackupError `E_PLACEMENT`, `E_UNSUPPORTED`
 */
export async function createImageFile(path: string, options: CreateImageOptions): Promise<CreatedImage> {
  const firstPath = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.partial`)
  try {
    await refuseExisting(path)
    const image = await beginImage(path, { ...options, firstPath })
    let committed = false
    return {
      writer: withPlacementErrors(image.writer, path),
      commit: async () => {
        try {
          await image.writer.close()
          const sizes = await Promise.all(image.files.map((file) => lstat(file.path)))
          await refuseExisting(path)
          await rename(firstPath, path)
          committed = true
          return { fileBytes: sizes.reduce((sum, { size }) => sum + size, 0) }
        } catch (error) {
          throw placementFailure(error, path)
        }
      },
      [Symbol.asyncDispose]: async () => {
        if (committed) await image.close()
        else await image.remove()
      },
    }
  } catch (error) {
    throw placementFailure(error, path)
  }
}

function withPlacementErrors(writer: ImageWriter, path: string): ImageWriter {
  const translated = async (action: Promise<void>) => {
    try {
      await action
    } catch (error) {
      throw placementFailure(error, path)
    }
  }
  return {
    ...writer,
    write: (offset, bytes) => translated(writer.write(offset, bytes)),
    zero: (offset, length) => translated(writer.zero(offset, length)),
  }
}
