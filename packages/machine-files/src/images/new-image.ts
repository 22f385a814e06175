import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { ImageWriter } from '@holdfast/formats'
import { createFileStore, type FileStore, type FileStoreOptions } from '../files/image-store.js'
import { createImage, type ImageKind } from './image-kinds.js'

/** An image that is being written, and the files that it is written to. */
export interface NewImage {
  readonly writer: ImageWriter
  readonly files: readonly FileStore[]
  readonly close: () => Promise<void>
  /** Closes the files and removes them. */
  readonly remove: () => Promise<void>
}

/** What image to begin. */
export interface NewImageOptions extends ImageKind, FileStoreOptions {
  readonly sizeBytes: number
  /** Where its first file is for now. @defaultValue the path of the image */
  readonly firstPath?: string
}

/** Begins the image that will be at `path`. Leaves nothing when this throws. */
export async function beginImage(path: string, options: NewImageOptions): Promise<NewImage> {
  const { sizeBytes, firstPath = path, blocking = false, ...kind } = options
  const files: FileStore[] = []
  const create = async (file: string) => {
    const store = await createFileStore(file, { blocking })
    files.push(store)
    return store
  }
  const close = async () => {
    for (const file of files) await file.close()
  }
  const remove = async () => {
    await close()
    for (const file of files) await rm(file.path, { force: true })
  }
  try {
    const main = await create(firstPath)
    const further = (name: string) => create(join(dirname(path), name))
    const writer = await createImage(kind, { name: basename(path), main, create: further }, sizeBytes)
    return { writer, files, close, remove }
  } catch (error) {
    await remove()
    throw error
  }
}
