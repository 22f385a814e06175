import type { NamedSource } from '../bytes/byte-source.js'
import type { ImageCodec } from '../image/codec.js'
import { corrupt, ImageError } from '../image/image-error.js'
import type { ImageLayer, ImageProblem, Run } from '../image/layer.js'
import { checkBlocks } from './check.js'
import { diskSize } from './disk-size.js'
import { type FoundFooter, findFooter, hasFooterCookie } from './find-footer.js'
import { largestDiskBytes, sectorBytes } from './layout.js'
import { readParentNames } from './parent-names.js'
import { openSparse } from './sparse-disk.js'
import { sparseRuns } from './sparse-runs.js'

/** Reads fixed, dynamic and differencing disks (Virtual Hard Disk Image Format Specification 1.0, Microsoft 2006). */
export const vhdCodec: ImageCodec = {
  format: 'vhd',
  recognise: hasFooterCookie,
  open: async (file) => {
    const found = await findFooter(file)
    const sizeBytes = diskSize(found.footer)
    if (sizeBytes > largestDiskBytes)
      throw new ImageError('limit', `It claims a disk of ${sizeBytes} bytes; a VHD holds ${largestDiskBytes} at most`, {
        file: file.name,
      })
    const { variant } = found.footer
    if (variant === 'fixed') return openFixed(file, found, sizeBytes)
    return openBlocks(file, found, sizeBytes)
  },
}

function openFixed(file: NamedSource, found: FoundFooter, sizeBytes: number): ImageLayer {
  if (sizeBytes > found.dataEnd)
    throw corrupt(`its footer claims a disk of ${sizeBytes} bytes, but only ${found.dataEnd} come before it`, file.name)
  return {
    ...common(found, sizeBytes),
    details: footerDetails(found),
    runs: (offset, length) => fixedRuns(file, offset, length),
    problems: async function* () {
      yield* footerProblems(found, sizeBytes)
      if (found.dataEnd > found.footer.currentSizeBytes)
        yield {
          severity: 'note',
          message: `The footer is ${found.dataEnd - found.footer.currentSizeBytes} bytes behind the end of the disk.`,
        }
    },
  }
}

async function openBlocks(file: NamedSource, found: FoundFooter, sizeBytes: number): Promise<ImageLayer> {
  const disk = await openSparse(file, found, sizeBytes)
  const { blockBytes, tableEntries, parentId, parentModifiedAt, parentName } = disk.header
  const parent = disk.isDifferencing ? await readParentNames(file, disk.header) : undefined
  if (parent?.names.length === 0)
    throw corrupt('it is a differencing disk, but names no parent', file.name, Number(found.footer.headerAt))
  return {
    ...common(found, sizeBytes),
    ...(parent !== undefined && { parent: { names: parent.names, format: 'vhd', identity: parentId } }),
    details: {
      ...footerDetails(found),
      blockBytes,
      tableEntries,
      ...(parent !== undefined && { parentName, parentId, parentModifiedAt: parentModifiedAt.toISOString() }),
    },
    runs: sparseRuns(disk),
    problems: async function* () {
      yield* footerProblems(found, sizeBytes)
      yield* parent?.problems ?? []
      yield* checkBlocks(disk)
    },
  }
}

function common({ footer }: FoundFooter, sizeBytes: number) {
  return {
    format: 'vhd',
    variant: footer.variant,
    sizeBytes,
    sectorBytes,
    identity: footer.uniqueId,
    close: async () => {},
  } as const
}

function footerDetails({ footer, place }: FoundFooter): Record<string, string | number | boolean> {
  const { cylinders, heads, sectorsPerTrack } = footer.geometry
  const { creatorVersion } = footer
  return {
    createdAt: footer.createdAt.toISOString(),
    creatorApplication: footer.creatorApplication,
    creatorVersion: `${creatorVersion >>> 16}.${creatorVersion & 0xffff}`,
    creatorHostOs: footer.creatorHostOs,
    originalSizeBytes: footer.originalSizeBytes,
    currentSizeBytes: footer.currentSizeBytes,
    geometry: `${cylinders}/${heads}/${sectorsPerTrack}`,
    isTemporary: footer.isTemporary,
    hasSavedState: footer.hasSavedState,
    footer: place,
  }
}

function* footerProblems(found: FoundFooter, sizeBytes: number): Generator<ImageProblem, void, undefined> {
  yield* found.problems
  const { footer } = found
  if (footer.hasSavedState)
    yield {
      severity: 'note',
      message: 'A virtual machine was saved while it used the disk: what it held in memory is not here.',
    }
  if (sizeBytes < footer.currentSizeBytes)
    yield {
      severity: 'note',
      message: `The disk is ${sizeBytes} bytes by its geometry, as ${footer.creatorApplication.trim()} has it; Hyper-V would show ${footer.currentSizeBytes}.`,
    }
}

/** Yields data as stored and holes of the file as absent. */
async function* fixedRuns(
  { source }: NamedSource,
  offset: number,
  length: number,
): AsyncGenerator<Run, void, undefined> {
  let at = offset
  for await (const data of source.dataRanges?.({ offset, length }) ?? [{ offset, length }]) {
    if (data.offset > at) yield { kind: 'absent', offset: at, length: data.offset - at }
    yield { kind: 'stored', ...data, source, at: data.offset }
    at = data.offset + data.length
  }
  if (at < offset + length) yield { kind: 'absent', offset: at, length: offset + length - at }
}
