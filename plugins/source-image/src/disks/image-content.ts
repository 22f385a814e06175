import {
  type DiskImage,
  type ImageCodec,
  type ImageFormat,
  isImageError,
  type LayerInfo,
  type NamedSource,
  openImage,
} from '@holdfast/formats'
import { formatOfPath } from '@holdfast/machine-files'
import type { ChainFile, ChainFiles } from '../files/chain-files.js'
import type { DiskFile } from '../files/disk-file.js'
import { isRawName } from '../files/image-names.js'
import { type DiskContent, type DiskLayer, pieceBytes } from './disk-content.js'

/**
 * Opens an image with its parents. Takes over `first`: it is closed with the content, or when this throws.
 *
 * @throws ImageError, and BackupError `E_SOURCE_READ` and `E_SOURCE_UNAVAILABLE`
 */
export async function openImageContent(
  first: NamedSource,
  format: ImageFormat,
  files: ChainFiles,
): Promise<DiskContent> {
  const image = await openWhole(first, format, files)
  const held = files.list()
  const [top, ...parents] = image.layers
  const filesOf = filesByLayer(held, image.layers)
  return {
    sizeBytes: image.sizeBytes,
    files: held.map((named) => named.file),
    layers: [diskLayer(top, filesOf), ...parents.map((info) => diskLayer(info, filesOf))],
    extents: async function* (range, signal) {
      for await (const extent of image.extents(range)) {
        signal.throwIfAborted()
        yield extent
      }
    },
    read: async (offset, into, signal) => {
      for (let at = 0; at < into.byteLength; at += pieceBytes) {
        await image.read(offset + at, into.subarray(at, at + pieceBytes))
        signal.throwIfAborted()
      }
    },
    close: async () => image[Symbol.asyncDispose](),
  }
}

async function openWhole(first: NamedSource, format: ImageFormat, files: ChainFiles): Promise<DiskImage> {
  try {
    const { imageCodecs } = await import('@holdfast/formats/codecs')
    return await openImage(first, { codecs: imageCodecs.map(byName), open: files.open, format })
  } catch (error) {
    throw (isImageError(error) && error.code === 'missing-file' ? files.refusal() : undefined) ?? error
  }
}

/** Recognises a parent whose child does not state its format: by its bytes, unless its name says that it is raw. */
function byName(codec: ImageCodec): ImageCodec {
  const isRaw = codec.format === 'raw'
  return {
    ...codec,
    recognise: async (file) => {
      if (isRawName(file.name)) return isRaw
      // Every file is raw, so that is no answer for a name that promises another format: its image is broken.
      return isRaw ? formatOfPath(file.name) === undefined : codec.recognise(file)
    },
  }
}

/** Tells which layer each file belongs to: the one that it is, or the one that names it as an extent or a data file. */
function filesByLayer(held: readonly ChainFile[], layers: readonly LayerInfo[]): ReadonlyMap<string, DiskFile[]> {
  const byLayer = new Map<string, DiskFile[]>(layers.map(({ file }) => [file, []]))
  const owners = new Map<string, string>()
  for (const { name, file, namedBy = '' } of held) {
    const owner = byLayer.has(name) ? name : (owners.get(namedBy) ?? '')
    owners.set(name, owner)
    byLayer.get(owner)?.push(file)
  }
  return byLayer
}

function diskLayer(info: LayerInfo, filesOf: ReadonlyMap<string, readonly DiskFile[]>): DiskLayer {
  const { format, variant, sizeBytes, identity, bitmaps } = info
  const files = filesOf.get(info.file) ?? []
  return { format, variant, sizeBytes, ...(identity !== undefined && { identity }), bitmaps, files }
}
