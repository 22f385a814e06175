import { allocate } from '../bytes/allocate.js'
import type { ByteRange } from '../bytes/byte-source.js'
import { isImageError } from '../image/image-error.js'
import type { ImageProblem } from '../image/layer.js'
import type { BatEntry } from './bat-entry.js'
import type { BlockEntries, BlockTable } from './block-table.js'
import { bytesOfBlock } from './geometry.js'
import { bitmapBlockBytes, bitmapStates, blockStates, headerSectionBytes, mebibyte } from './layout.js'

/** Looks through the whole table: blocks that overlap or lie nowhere, bitmaps that are missing, space that nothing uses. */
export async function* blockProblems(
  table: BlockTable,
  taken: readonly ByteRange[],
): AsyncGenerator<ImageProblem, void, undefined> {
  const space = fileSpace(table.file.source.sizeBytes, table.file.name)
  space.take(0, headerSectionBytes)
  for (const { offset, length } of taken) space.take(offset, length)
  yield* bitmapProblems(table, space)
  for await (const { first, entries } of filledEntries(table))
    for (let block = first; block < entries.endBlock; block++) {
      const entry = entries.of(block)
      if (emptyStates.has(entry.state)) continue
      const problem = await blockProblem(table, block, entry, space)
      if (problem !== undefined) yield problem
    }
  await takeKeptSpace(table, space)
  const unused = space.unusedBytes()
  if (unused > 0) yield { severity: 'leak', message: `${unused} bytes of the file are used by nothing` }
}

/** States in which a block has no bytes of its own. */
const emptyStates: ReadonlySet<number> = new Set([
  blockStates.notPresent,
  blockStates.undefined,
  blockStates.zero,
  blockStates.unmapped,
])

/** Yields the table a page at a time, but for pages that are empty. */
async function* filledEntries(
  table: BlockTable,
): AsyncGenerator<{ readonly first: number; readonly entries: BlockEntries }, void, undefined> {
  for (let first = 0; first < table.geometry.blockCount; ) {
    const entries = await table.entriesFrom(first)
    if (!entries.areEmpty) yield { first, entries }
    first = entries.endBlock
  }
}

/**
 * Takes space that holds no data but is not lost: what blocks without bytes keep for later, as those of a fixed disk do
 * (2.5.1.1), and the part of the last block that lies past the end of the disk.
 */
async function takeKeptSpace(table: BlockTable, space: FileSpace): Promise<void> {
  const { blockBytes, blockCount } = table.geometry
  for await (const { first, entries } of filledEntries(table))
    for (let block = first; block < entries.endBlock; block++) {
      const { state, at } = entries.of(block)
      if (emptyStates.has(state) || block === blockCount - 1) space.take(at, at === 0 ? 0 : blockBytes)
    }
}

/** Which mebibytes of a file are in use: everything in it lies at whole ones. */
interface FileSpace {
  /** Takes a range; false when any part of it was taken before. */
  readonly take: (offset: number, length: number) => boolean
  readonly unusedBytes: () => number
}

function fileSpace(sizeBytes: number, file: string): FileSpace {
  const units = Math.ceil(sizeBytes / mebibyte)
  const used = allocate(Math.ceil(units / 8), 'the map of its used space', file)
  let usedUnits = 0
  return {
    take: (offset, length) => {
      let wasFree = true
      const end = Math.min(units, Math.ceil((offset + length) / mebibyte))
      for (let unit = Math.floor(offset / mebibyte); unit < end; unit++) {
        const bit = 1 << (unit & 7)
        const byte = used[unit >>> 3] ?? 0
        if ((byte & bit) !== 0) wasFree = false
        else usedUnits += 1
        used[unit >>> 3] = byte | bit
      }
      return wasFree
    },
    unusedBytes: () => (units - usedUnits) * mebibyte,
  }
}

async function* bitmapProblems(table: BlockTable, space: FileSpace): AsyncGenerator<ImageProblem, void, undefined> {
  const { chunkCount, blockCount, blocksPerChunk } = table.geometry
  // The table of a disk without parent may end before the entry of its last bitmap.
  const count = table.hasParent ? chunkCount : Math.floor(Math.max(0, blockCount - 1) / blocksPerChunk)
  for (let chunk = 0; chunk < count; chunk++) {
    const entry = await table.bitmapEntryOf(chunk)
    const offset = table.bitmapEntryPlace(chunk)
    if (entry.state === bitmapStates.notPresent) continue
    if (!table.hasParent)
      yield { severity: 'note', message: `Chunk ${chunk} has a sector bitmap, but the disk has no parent`, offset }
    else if (entry.state !== bitmapStates.present)
      yield { severity: 'corrupt', message: `The sector bitmap of chunk ${chunk} is in state ${entry.state}`, offset }
    else if (!space.take(entry.at, bitmapBlockBytes))
      yield { severity: 'corrupt', message: `The sector bitmap of chunk ${chunk} overlaps something else`, offset }
  }
}

async function blockProblem(
  table: BlockTable,
  block: number,
  entry: BatEntry,
  space: FileSpace,
): Promise<ImageProblem | undefined> {
  const offset = table.entryPlace(block)
  try {
    const at = table.placeOf(block, entry)
    if (entry.state === blockStates.partiallyPresent) await table.bitmapPlaceOf(block)
    if (space.take(at, bytesOfBlock(block, table.geometry))) return undefined
    return { severity: 'corrupt', message: `Block ${block} overlaps something else at ${at}`, offset }
  } catch (error) {
    if (!isImageError(error)) throw error
    return { severity: 'corrupt', message: error.message, offset }
  }
}
