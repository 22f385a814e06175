import { type FileHandle, open } from 'node:fs/promises'
import { directWriter, openDirect } from '@holdfast/core/direct-file'
import { ImageError } from '@holdfast/formats'
import { createFileStore } from '../files/image-store.js'
import type { ImageKind } from '../images/image-kinds.js'
import { beginImage } from '../images/new-image.js'

const sectorBytes = 512

/** The image of a disk that is being restored. */
export interface PlacedDisk {
  /** Size of the disk in the image: larger than asked for where its format counts in sectors. */
  readonly sizeBytes: number
  /** Called concurrently on ranges that do not overlap, in any order. */
  readonly write: (offset: number, bytes: Uint8Array) => Promise<void>
  /** Completes the image and makes it durable; its files stay open. */
  readonly complete: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Creates the blank image of a disk. Raw ones are written past the page cache where that is possible. */
export function createPlacedDisk(path: string, sizeBytes: number, kind: ImageKind): Promise<PlacedDisk> {
  return kind.format === 'raw' ? createRawDisk(path, sizeBytes) : createImageDisk(path, sizeBytes, kind)
}

/**
 * Creates a QCOW2 image over a raw disk that something else has, such as the export of an NBD server, named by its URI.
 *
 * The image is blank and stays so: it is for whoever runs the machine to write to.
 */
export async function createOverlayDisk(path: string, sizeBytes: number, base: string): Promise<PlacedDisk> {
  const { createQcow2 } = await import('@holdfast/formats/qcow2')
  const unwritten = async () => {
    throw new ImageError('unsupported', 'an overlay takes no content when it is restored')
  }
  const store = await createFileStore(path)
  try {
    // Whole sectors: what the base does not have of the last one reads as zeros.
    const wholeBytes = Math.ceil(sizeBytes / sectorBytes) * sectorBytes
    const disk = { sizeBytes, read: unwritten }
    const writer = await createQcow2(store, { sizeBytes: wholeBytes, backing: { name: base, format: 'raw', disk } })
    return {
      sizeBytes: wholeBytes,
      write: unwritten,
      complete: async () => {
        await writer.close()
        await store.sync()
      },
      close: store.close,
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function createRawDisk(path: string, sizeBytes: number): Promise<PlacedDisk> {
  const handle = await open(path, 'wx', 0o600)
  const handles: FileHandle[] = [handle]
  const close = async () => {
    for (const one of handles.splice(0)) await one.close()
  }
  try {
    await handle.truncate(sizeBytes)
    const direct = await openDirect(path, handle)
    if (direct !== undefined) handles.push(direct)
    const writer = directWriter(handle, direct)
    return {
      sizeBytes,
      write: (offset, bytes) => writer.write(bytes, offset),
      complete: async () => {
        for (const one of handles) await one.sync()
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function createImageDisk(path: string, sizeBytes: number, kind: ImageKind): Promise<PlacedDisk> {
  const { writer, files, close, remove } = await beginImage(path, { ...kind, sizeBytes })
  if (writer.order === 'ascending') {
    await remove()
    throw new ImageError(
      'unsupported',
      `${kind.format} ${writer.variant} is written from start to end, a restore is not`,
      {
        hint: 'Restore without compression, then use holdfast convert.',
      },
    )
  }
  return {
    sizeBytes: writer.sizeBytes,
    write: writer.write,
    complete: async () => {
      await writer.close()
      for (const file of files) await file.sync()
    },
    close,
  }
}
