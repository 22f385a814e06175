import { randomBytes } from 'node:crypto'
import { lstat, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { ImageWriter } from '@holdfast/formats'
import { createFileStore, type FileStore } from '../files/image-store.js'
import { refuseExisting } from '../files/refuse-existing.js'
import { placementFailure } from '../placement/placement-failure.js'
import { createImage, type ImageKind } from './image-kinds.js'

/** An image that is being written. Disposing it before `commit` removes its files. */
export interface CreatedImage extends AsyncDisposable {
  readonly writer: ImageWriter
  /** Completes the image and gives it its name. Called once, after every write resolved. */
  readonly commit: () => Promise<{ readonly fileBytes: number }>
}

/** What to create. */
export interface CreateImageOptions extends ImageKind {
  readonly sizeBytes: number
}

/**
 * Creates an image; its first file has another name until it is complete, and nothing existing is overwritten.
 *
 * @throws BackupError `E_PLACEMENT`, `E_UNSUPPORTED`
 */
export async function createImageFile(path: string, { sizeBytes, ...kind }: CreateImageOptions): Promise<CreatedImage> {
  const folder = dirname(path)
  const unfinished = join(folder, `.${basename(path)}.${randomBytes(4).toString('hex')}.partial`)
  const stores: FileStore[] = []
  const create = async (file: string) => {
    const store = await createFileStore(file)
    stores.push(store)
    return store
  }
  const close = async () => {
    for (const store of stores) await store.close()
  }
  const discard = async () => {
    await close()
    for (const store of stores) await rm(store.path, { force: true })
  }
  try {
    await refuseExisting(path)
    const files = {
      name: basename(path),
      main: await create(unfinished),
      create: (name: string) => create(join(folder, name)),
    }
    const writer = withPlacementErrors(await createImage(kind, files, sizeBytes), path)
    let committed = false
    return {
      writer,
      commit: async () => {
        try {
          await writer.close()
          const sizes = await Promise.all(stores.map((store) => lstat(store.path)))
          await refuseExisting(path)
          await rename(unfinished, path)
          committed = true
          return { fileBytes: sizes.reduce((sum, { size }) => sum + size, 0) }
        } catch (error) {
          throw placementFailure(error, path)
        }
      },
      [Symbol.asyncDispose]: async () => {
        if (committed) await close()
        else await discard()
      },
    }
  } catch (error) {
    await discard()
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
