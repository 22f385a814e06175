import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type DiskImage, type ImageFormat, openImage } from '@holdfast/formats'
import { imageOpener } from '../files/image-opener.js'
import { openFileSource } from '../files/image-source.js'
import { formatOfPath } from './format-of-path.js'
import { imageFailure } from './image-failure.js'

/** How to open an image file. */
export interface OpenImageFileOptions {
  /**
   * @defaultValue what the bytes say; a file whose name ends as raw images do is raw, since a guest can write the header of
   * any format to the start of its disk
   */
  readonly format?: ImageFormat
  /** Folder that holds all files the image may name. @defaultValue the image's own folder */
  readonly root?: string
}

/**
 * Opens an image and its parents for reading.
 *
 * @throws BackupError `E_SOURCE_INVALID`, `E_SOURCE_READ`, `E_SOURCE_DENIED`, `E_UNSUPPORTED`
 */
export async function openImageFile(path: string, { format, root }: OpenImageFileOptions = {}): Promise<DiskImage> {
  try {
    const real = await realpath(path)
    const open = imageOpener(root === undefined ? dirname(real) : await realpath(root))
    const stated = format ?? (formatOfPath(real) === 'raw' ? 'raw' : undefined)
    const { imageCodecs } = await import('@holdfast/formats/codecs')
    const file = await openFileSource(real)
    const options = { codecs: imageCodecs, open, ...(stated !== undefined && { format: stated }) }
    return withBackupErrors(await openImage(file, options), path)
  } catch (error) {
    throw imageFailure(error, path)
  }
}

/** Translates what reading throws; an error names the file of the chain where it can. */
function withBackupErrors(image: DiskImage, path: string): DiskImage {
  async function* translated<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      yield* items
    } catch (error) {
      throw imageFailure(error, path)
    }
  }
  return {
    ...image,
    extents: (range) => translated(image.extents(range)),
    problems: () => translated(image.problems()),
    read: async (offset, into) => {
      try {
        await image.read(offset, into)
      } catch (error) {
        throw imageFailure(error, path)
      }
    },
  }
}
