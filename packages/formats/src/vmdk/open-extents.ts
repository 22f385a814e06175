import type { FileOpener, NamedSource } from '../bytes/byte-source.js'
import { fields } from '../bytes/fields.js'
import { readPart } from '../bytes/read-part.js'
import { corrupt, ImageError } from '../image/image-error.js'
import type { ImageProblem, Run } from '../image/layer.js'
import { cowdMagic, openCowdExtent } from './cowd-extent.js'
import type { Extent } from './extent.js'
import type { ExtentLine } from './extent-line.js'
import { fileNames } from './file-names.js'
import { type GrainCaches, grainCaches } from './grain-tables.js'
import { openHostedExtent, readHostedHeader } from './hosted-extent.js'
import { hostedMagic } from './hosted-header.js'
import { flatExtent, zeroExtent } from './plain-extent.js'
import { openSeSparseExtent } from './se-sparse-extent.js'

/** An extent, where it begins on the disk, and the file that it was read from. */
export interface PlacedExtent {
  readonly start: number
  readonly extent: Extent
  readonly fileName?: string
}

/** The extents of a disk and the files that were opened for them. */
export interface OpenExtents {
  readonly extents: readonly PlacedExtent[]
  readonly close: () => Promise<void>
}

/** Opens the extents that a descriptor names; on failure it closes all that it opened. @throws ImageError */
export async function openExtents(
  lines: readonly ExtentLine[],
  descriptor: NamedSource,
  open: FileOpener,
): Promise<OpenExtents> {
  const files = new Map<string, NamedSource>()
  const sparse = new Set<string>()
  const caches = grainCaches()
  const close = async () => {
    for (const file of files.values()) await file.close()
  }
  try {
    const extents: PlacedExtent[] = []
    let start = 0
    for (const line of lines) {
      const { name, type } = line
      let file = name === undefined ? undefined : files.get(name)
      if (name !== undefined && file === undefined) {
        file = await openNamed(name, descriptor, open)
        files.set(name, file)
      }
      if (file !== undefined && type !== 'FLAT' && type !== 'VMFS') {
        if (sparse.has(file.name)) throw corrupt(`its descriptor has two extents in ${name}`, descriptor.name)
        sparse.add(file.name)
      }
      const extent = await openExtent(line, file, caches)
      extents.push({ start, extent, ...(file !== undefined && { fileName: file.name }) })
      start += extent.sizeBytes
    }
    return { extents, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openNamed(name: string, descriptor: NamedSource, open: FileOpener): Promise<NamedSource> {
  for (const candidate of fileNames(name)) {
    const file = await open(candidate, descriptor)
    if (file !== undefined) return file
  }
  throw new ImageError('missing-file', `The extent ${name} of ${descriptor.name} is not there`, {
    file: descriptor.name,
    hint: 'Put all files of the disk beside its descriptor, under the names that stand in it.',
  })
}

async function openExtent(
  { type, sectors, startSector }: ExtentLine,
  file: NamedSource | undefined,
  caches: GrainCaches,
): Promise<Extent> {
  if (file === undefined) return zeroExtent(sectors)
  if (type === 'FLAT' || type === 'VMFS') return flatExtent(file, startSector, sectors)
  if (type === 'SESPARSE') return openSeSparseExtent(file, sectors, caches)
  // Old products named COWD extents SPARSE too: the file says which it is.
  const { u32 } = fields(await readPart(file, 0, 4, 'the signature'), 'little', file.name)
  if (u32(0) === cowdMagic) return openCowdExtent(file, sectors, caches)
  if (u32(0) === hostedMagic) return openHostedExtent(file, await readHostedHeader(file), sectors, caches)
  throw corrupt(`the descriptor calls it ${type}, but it begins with neither KDMV nor COWD`, file.name, 0)
}

/** Yields the runs of a disk, one extent after another. */
export async function* extentRuns(
  extents: readonly PlacedExtent[],
  offset: number,
  length: number,
): AsyncGenerator<Run, void, undefined> {
  const end = offset + length
  for (let index = indexAt(extents, offset); index < extents.length; index++) {
    const { start = 0, extent } = extents[index] ?? {}
    if (extent === undefined || start >= end) return
    const from = Math.max(offset, start)
    const to = Math.min(end, start + extent.sizeBytes)
    for await (const run of extent.runs(from - start, to - from)) yield moved(run, start)
  }
}

/** Finds the extent that has a byte of the disk. */
function indexAt(extents: readonly PlacedExtent[], offset: number): number {
  let [low, high] = [0, extents.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const { start = 0, extent } = extents[middle] ?? {}
    if (start + (extent?.sizeBytes ?? 0) <= offset) low = middle + 1
    else high = middle
  }
  return low
}

function moved(run: Run, start: number): Run {
  if (start === 0) return run
  if (run.kind !== 'packed') return { ...run, offset: run.offset + start }
  return { ...run, offset: run.offset + start, unit: { ...run.unit, offset: run.unit.offset + start } }
}

/** Checks all extents; each message says which file it is of, unless that is the image itself. */
export async function* extentProblems(
  extents: readonly PlacedExtent[],
  imageName: string,
): AsyncGenerator<ImageProblem, void, undefined> {
  for (const { extent, fileName } of extents) {
    for await (const problem of extent.problems())
      yield fileName === imageName ? problem : { ...problem, message: `${fileName}: ${problem.message}` }
  }
}
