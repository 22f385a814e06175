import type { ByteRange, NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import type { ImageCodec } from '../image/codec.js'
import { ImageError } from '../image/image-error.js'
import type { ImageLayer, ImageProblem } from '../image/layer.js'
import { blockRuns } from './block-runs.js'
import { openBlockTable } from './block-table.js'
import { blockGeometry } from './geometry.js'
import { readHeader, type VhdxHeader } from './header.js'
import { fileType, headerSectionBytes } from './layout.js'
import { replayLog } from './log-replay.js'
import { readMetadata, type VhdxMetadata } from './metadata.js'
import { blockProblems } from './problems.js'
import { readRegions } from './region-table.js'

/** Reads VHDX images: fixed, dynamic and differencing ones, whatever state their last writer left them in. */
export const vhdxCodec: ImageCodec = {
  format: 'vhdx',
  recognise: async (file) => (await readSignature(file)) === fileType.signature,
  open: async (file) => {
    if ((await readSignature(file)) !== fileType.signature)
      throw new ImageError('unknown-format', 'it does not begin with the signature of a VHDX file', {
        file: file.name,
        offset: 0,
      })
    return openVhdx(file)
  },
}

async function readSignature({ name, source }: NamedSource): Promise<bigint | undefined> {
  const bytes = new Uint8Array(8)
  if (source.sizeBytes < bytes.byteLength) return undefined
  await source.read(0, bytes)
  return fields(bytes, 'little', name).bits64(0)
}

async function openVhdx(stored: NamedSource): Promise<ImageLayer> {
  const header = await readHeader(stored)
  // Everything but the headers is read with the log laid over it.
  const { file, entryCount } = await replayLog(stored, header)
  const log = logRange(header)
  const regions = await readRegions(file, log)
  const metadata = await readMetadata(file, regions.metadata)
  const table = openBlockTable({
    file,
    geometry: blockGeometry(metadata),
    hasParent: metadata.parent !== undefined,
    region: regions.bat,
    taken: [regions.bat, regions.metadata, ...log],
  })
  return {
    format: 'vhdx',
    variant: variantOf(metadata),
    sizeBytes: metadata.sizeBytes,
    sectorBytes: metadata.sectorBytes,
    identity: header.dataWriteId,
    ...(metadata.parent !== undefined && {
      parent: { format: 'vhdx', names: metadata.parent.paths, identity: metadata.parent.linkage },
    }),
    details: detailsOf(header, metadata, entryCount),
    runs: (offset, length) => blockRuns(table, offset, length),
    problems: async function* () {
      yield* header.problems
      yield* regions.problems
      if (entryCount > 0) yield replayedLog(entryCount, header)
      yield* blockProblems(table, [regions.bat, regions.metadata, ...regions.others, ...log])
    },
    close: async () => {},
  }
}

/** The log's place in the file; an empty log may be anywhere, since nobody reads it. */
function logRange({ logOffset, logBytes }: VhdxHeader): readonly ByteRange[] {
  const offset = Number(logOffset)
  return offset < headerSectionBytes || logBytes === 0 ? [] : [{ offset, length: logBytes }]
}

function variantOf({ parent, leavesBlocksAllocated }: VhdxMetadata): 'fixed' | 'dynamic' | 'differencing' {
  if (parent !== undefined) return 'differencing'
  return leavesBlocksAllocated ? 'fixed' : 'dynamic'
}

function replayedLog(entryCount: number, { logOffset }: VhdxHeader): ImageProblem {
  return {
    severity: 'note',
    message: `It was not closed cleanly: ${entryCount} entries of its log were replayed in memory`,
    offset: Number(logOffset),
  }
}

function detailsOf(header: VhdxHeader, metadata: VhdxMetadata, entryCount: number): ImageLayer['details'] {
  const { parent } = metadata
  return {
    blockBytes: metadata.blockBytes,
    physicalSectorBytes: metadata.physicalSectorBytes,
    virtualDiskId: metadata.virtualDiskId,
    creator: header.creator,
    headerSequence: String(header.sequence),
    fileWriteId: header.fileWriteId,
    logBytes: header.logBytes,
    replayedLogEntries: entryCount,
    ...(parent?.linkage2 !== undefined && { parentLinkage2: parent.linkage2 }),
  }
}
