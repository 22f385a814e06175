import { mkdirSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import {
  type ByteStore,
  type DiskImage,
  type ImageFormat,
  type ImageWriter,
  type NamedSource,
  openImage,
} from '@holdfast/formats'
import { imageCodecs } from '@holdfast/formats/codecs'
import { createQcow2 } from '@holdfast/formats/qcow2'
import { createRaw } from '@holdfast/formats/raw'
import { createVhd } from '@holdfast/formats/vhd'
import { createVhdx } from '@holdfast/formats/vhdx'
import { createVmdk, type VmdkKind } from '@holdfast/formats/vmdk'
import type { Piece } from './machines.js'

/** An image to write. */
export interface ImageToWrite {
  readonly format: ImageFormat
  readonly sizeBytes: number
  readonly pieces?: readonly Piece[]
  /** Ranges that read as zeros whatever the parent holds. */
  readonly zeros?: readonly (readonly [offset: number, length: number])[]
  /** Path of the image that it is a child of. */
  readonly parent?: string
  /** Name of the parent as the child states it. @defaultValue its path from the child's folder */
  readonly parentName?: string
  readonly kind?: VmdkKind
  readonly variant?: 'fixed' | 'dynamic'
}

export const kib = 1024
export const mib = 1024 * kib

/** Writes an image with the writers of @holdfast/formats; returns its path. */
export async function writeImage(path: string, image: ImageToWrite): Promise<string> {
  mkdirSync(dirname(path), { recursive: true })
  const stores: (ByteStore & { readonly close: () => Promise<void> })[] = []
  const create = async (file: string) => {
    const store = await fileStore(file)
    stores.push(store)
    return store
  }
  const parent = image.parent === undefined ? undefined : await openForReading(image.parent)
  try {
    const writer = await createImage(path, image, parent, create)
    for (const [offset, length] of image.zeros ?? []) await writer.zero(offset, length)
    for (const [offset, bytes] of image.pieces ?? []) await writer.write(offset, bytes)
    await writer.close()
  } finally {
    await parent?.[Symbol.asyncDispose]()
    for (const store of stores) await store.close()
  }
  return path
}

async function createImage(
  path: string,
  { format, sizeBytes, parent: parentPath = '', parentName, kind, variant = 'dynamic' }: ImageToWrite,
  parent: DiskImage | undefined,
  create: (file: string) => Promise<ByteStore>,
): Promise<ImageWriter> {
  const main = await create(path)
  const name = parentName ?? relative(dirname(path), parentPath)
  const windowsName = parentName ?? `.\\${name.replaceAll('/', '\\')}`
  const identity = parent?.layers[0].identity ?? ''
  switch (format) {
    case 'raw':
      return createRaw(main, { sizeBytes })
    case 'qcow2':
      return createQcow2(main, {
        sizeBytes,
        ...(parent && { backing: { name, format: parent.layers[0].format, disk: parent } }),
      })
    case 'vmdk':
      return createVmdk(main, {
        sizeBytes,
        name: basename(path),
        create: (file) => create(join(dirname(path), file)),
        ...(kind && { kind }),
        ...(parent && { parent: { fileNameHint: name, image: parent } }),
      })
    case 'vhd':
      if (parent === undefined) return createVhd(main, { sizeBytes, variant })
      return createVhd(main, {
        sizeBytes,
        variant: 'differencing',
        parent: { uniqueId: identity, modifiedAt: new Date(), relativePath: windowsName },
        readParent: parent.read,
      })
    case 'vhdx':
      if (parent === undefined) return createVhdx(main, { sizeBytes, variant, blockBytes: mib })
      return createVhdx(main, {
        sizeBytes,
        variant: 'differencing',
        blockBytes: mib,
        parent: { identity, relativePath: windowsName },
        readParent: parent.read,
      })
  }
}

/** Opens an image as the writers of its children need it: files are found beside it, raw ones by their name. */
async function openForReading(path: string): Promise<DiskImage> {
  const isRaw = /\.(raw|img)$/.test(path)
  return openImage(await fileSource(path), {
    codecs: imageCodecs,
    ...(isRaw && { format: 'raw' }),
    open: async (name, from) =>
      fileSource(join(dirname(from.name), name.replace(/^\.\\/, '').replaceAll('\\', '/'))).catch(() => undefined),
  })
}

/** Reads a whole disk. */
export async function readDisk(path: string): Promise<Uint8Array> {
  await using image = await openForReading(path)
  const bytes = new Uint8Array(image.sizeBytes)
  await image.read(0, bytes)
  return bytes
}

/** The disk that pieces add up to, over a parent's bytes. */
export function composed(
  sizeBytes: number,
  pieces: readonly Piece[],
  parent: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  bytes.set(parent.subarray(0, sizeBytes))
  for (const [offset, piece] of pieces) bytes.set(piece, offset)
  return bytes
}

async function fileSource(path: string): Promise<NamedSource> {
  const bytes = new Uint8Array(await readFile(path))
  return {
    name: path,
    source: {
      sizeBytes: bytes.byteLength,
      read: async (offset, into) => into.set(bytes.subarray(offset, offset + into.byteLength)),
    },
    close: async () => {},
  }
}

async function fileStore(path: string): Promise<ByteStore & { readonly close: () => Promise<void> }> {
  const handle = await open(path, 'wx+')
  return {
    read: async (offset, into) => void (await handle.read(into, 0, into.byteLength, offset)),
    write: async (offset, bytes) => void (await handle.write(bytes, 0, bytes.byteLength, offset)),
    zero: async (offset, length) => void (await handle.write(new Uint8Array(length), 0, length, offset)),
    resize: (sizeBytes) => handle.truncate(sizeBytes),
    close: () => handle.close(),
  }
}
