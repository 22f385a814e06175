import type { FileOpener, NamedSource } from '../bytes/byte-source.js'
import { assertInDisk } from './assert-in-disk.js'
import { chainExtents } from './chain-extents.js'
import { chainReader } from './chain-reader.js'
import type { ImageCodec } from './codec.js'
import type { DiskImage, LayerInfo } from './disk-image.js'
import { ImageError } from './image-error.js'
import type { ImageFormat } from './image-format.js'
import { type ChainLink, openChain } from './open-chain.js'

/** How to open an image. */
export interface OpenImageOptions {
  /** Formats to try, in this order. */
  readonly codecs: readonly ImageCodec[]
  /** Opens parents, extents and data files. @defaultValue an opener that knows no file */
  readonly open?: FileOpener
  /**
   * Format of the file. Without it the bytes decide, and a file of no known format is refused.
   *
   * A raw disk must be named as one: a guest can write any image's header to the start of its disk.
   */
  readonly format?: ImageFormat
}

/**
 * Opens an image with all its parents. Takes over `file`: it is closed with the image, or when this throws.
 *
 * @throws ImageError
 */
export async function openImage(
  file: NamedSource,
  { codecs, open = async () => undefined, format }: OpenImageOptions,
): Promise<DiskImage> {
  const { links, close } = await openChain(file, { codecs, open, ...(format !== undefined && { format }) })
  const [top, ...parents] = links
  if (top === undefined) throw new ImageError('unknown-format', `${file.name} has no layer`, { file: file.name })
  const { sizeBytes } = top.layer
  const layers = links.map(({ layer }) => layer)
  const read = chainReader(layers)
  return {
    sizeBytes,
    layers: [layerInfo(top), ...parents.map(layerInfo)],
    extents: async function* (range = { offset: 0, length: sizeBytes }) {
      assertInDisk(range.offset, range.length, sizeBytes)
      yield* chainExtents(layers, range)
    },
    read: async (offset, into) => {
      assertInDisk(offset, into.byteLength, sizeBytes)
      await read(offset, into)
    },
    problems: async function* () {
      for (const link of links)
        for await (const problem of link.layer.problems()) yield { ...problem, file: link.file.name }
    },
    [Symbol.asyncDispose]: close,
  }
}

function layerInfo({ file, layer }: ChainLink): LayerInfo {
  const { format, variant, sizeBytes, sectorBytes, identity, details, bitmaps = [] } = layer
  return {
    file: file.name,
    format,
    variant,
    sizeBytes,
    sectorBytes,
    fileBytes: file.source.sizeBytes,
    ...(identity !== undefined && { identity }),
    details,
    bitmaps,
  }
}
