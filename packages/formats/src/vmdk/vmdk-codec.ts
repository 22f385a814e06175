import type { FileOpener, NamedSource } from '../bytes/byte-source.js'
import { readPart } from '../bytes/read-part.js'
import type { ImageCodec } from '../image/codec.js'
import { corrupt } from '../image/image-error.js'
import type { ImageLayer } from '../image/layer.js'
import { cowdMagic } from './cowd-extent.js'
import { type Descriptor, looksLikeDescriptor, parseDescriptor } from './descriptor.js'
import { descriptorLimitBytes } from './descriptor-text.js'
import { grainCaches } from './grain-tables.js'
import { openHostedExtent, readHostedHeader } from './hosted-extent.js'
import { hostedMagic } from './hosted-header.js'
import { openExtents } from './open-extents.js'
import { seSparseMagic } from './se-sparse-header.js'
import { sectorBytes } from './sectors.js'
import { tooLarge, unsupported } from './vmdk-error.js'
import { vmdkLayer } from './vmdk-layer.js'

/** Read to tell a descriptor by: comments may stand before its version. */
const headBytes = 4096

type FileKind = 'hosted' | 'cowd' | 'seSparse' | 'descriptor'

/** Reads VMDK disks: descriptors with their extents, and sparse extents that embed their descriptor. */
export const vmdkCodec: ImageCodec = {
  format: 'vmdk',
  recognise: async (file) => (await kindOf(file)) !== undefined,
  open: async (file, open) => {
    const kind = await kindOf(file)
    switch (kind) {
      case 'hosted':
        return openEmbedded(file, open)
      case 'descriptor':
        return openDescribed(file, parseDescriptor(await readText(file, 0, file.source.sizeBytes), file.name), open)
      case 'cowd':
      case 'seSparse':
        throw extentAlone(file.name)
      case undefined:
        throw corrupt(
          'it is no VMDK: it begins with neither a descriptor nor the header of a sparse extent',
          file.name,
          0,
        )
    }
  },
}

async function kindOf(file: NamedSource): Promise<FileKind | undefined> {
  const head = await readPart(file, 0, Math.min(headBytes, file.source.sizeBytes), 'the first bytes')
  if (head.byteLength < 4) return undefined
  switch (new DataView(head.buffer).getUint32(0, true)) {
    case hostedMagic:
      return 'hosted'
    case cowdMagic:
      return 'cowd'
    case seSparseMagic:
      return 'seSparse'
    default:
      return looksLikeDescriptor(head) ? 'descriptor' : undefined
  }
}

function extentAlone(file: string): Error {
  return unsupported(
    `${file} is one extent of a disk, not the disk`,
    file,
    'Open the descriptor, the small text file that names it; it has the name of the disk without -s001, -delta or -sesparse.',
  )
}

/** Opens a sparse extent with its descriptor in it: it is the whole disk, whatever file name the descriptor states. */
async function openEmbedded(file: NamedSource, open: FileOpener): Promise<ImageLayer> {
  const header = await readHostedHeader(file)
  const { descriptorSector, descriptorSectors, capacity } = header
  const text = await readText(file, descriptorSector * sectorBytes, descriptorSectors * sectorBytes)
  // An extent of a split disk has no descriptor, or room for one and nothing in it.
  if (text.byteLength === 0 || text[0] === 0) throw extentAlone(file.name)
  const descriptor = parseDescriptor(text, file.name)
  if (capacity === 0) return openDescribed(file, descriptor, open)
  const [line, ...more] = descriptor.extents
  if (line?.type !== 'SPARSE' || more.length > 0)
    throw corrupt('its descriptor must state one extent of type SPARSE, the file itself', file.name)
  const extent = await openHostedExtent(file, header, line.sectors, grainCaches())
  return vmdkLayer(file, descriptor, {
    extents: [{ start: 0, extent, fileName: file.name }],
    close: async () => {},
  })
}

async function openDescribed(file: NamedSource, descriptor: Descriptor, open: FileOpener): Promise<ImageLayer> {
  return vmdkLayer(file, descriptor, await openExtents(descriptor.extents, file, open))
}

async function readText(file: NamedSource, at: number, length: number): Promise<Uint8Array> {
  if (length > descriptorLimitBytes)
    throw tooLarge(
      `its descriptor is ${length} bytes long`,
      file.name,
      `At most ${descriptorLimitBytes} are read; no product writes that many.`,
    )
  return readPart(file, at, length, 'the descriptor')
}
