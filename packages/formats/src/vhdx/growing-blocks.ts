import type { ByteStore } from '../bytes/byte-source.js'
import { oneAtATime } from '../bytes/one-at-a-time.js'
import { type BatEntry, decodeBatEntry, encodeBatEntry } from './bat-entry.js'
import type { BlockWriter } from './block-writer.js'
import { type BlockGeometry, bitmapEntry, bytesOfBlock, payloadEntry } from './geometry.js'
import { batEntryBytes, bitmapBlockBytes, bitmapStates, blockStates } from './layout.js'
import { sectorMarks } from './sector-marks.js'
import { tablePages } from './table-pages.js'

/** What growing blocks need to know. */
export interface GrowingBlocksOptions {
  readonly geometry: BlockGeometry
  readonly batAt: number
  /** Where the first block goes. */
  readonly dataAt: number
  /** Reads the parent's disk; without it the disk has no parent. */
  readonly readParent?: (offset: number, into: Uint8Array) => Promise<void>
}

/** Part of a block. */
interface BlockPart {
  readonly block: number
  readonly from: number
  readonly to: number
}

/** Where a part of an operation lies in the file. */
interface Placement {
  readonly at: number
  /** Counted from where the operation begins. */
  readonly from: number
  readonly length: number
}

const pageBytes = 64 * 1024
const entriesPerPage = pageBytes / batEntryBytes
const pagesInMemory = 64

/**
 * Adds a block to the end of the file when something is first written to it.
 *
 * Blocks are found, added and marked one operation at a time; their bytes are then written concurrently.
 */
export function growingBlocks(
  store: ByteStore,
  { geometry, batAt, dataAt, readParent }: GrowingBlocksOptions,
): BlockWriter {
  const bat = tablePages(store, {
    pageBytes,
    place: (page) => batAt + page * pageBytes,
    capacity: pagesInMemory,
  })
  const exclusive = oneAtATime()
  let end = dataAt

  const readEntry = async (index: number): Promise<BatEntry> => {
    const page = await bat.read(Math.floor(index / entriesPerPage))
    return decodeBatEntry(new DataView(page.buffer), index % entriesPerPage)
  }
  const setEntry = async (index: number, state: number, at: number) => {
    const page = await bat.change(Math.floor(index / entriesPerPage))
    encodeBatEntry(new DataView(page.buffer), index % entriesPerPage, state, at)
  }
  const allocate = (bytes: number) => {
    const at = end
    end += bytes
    return at
  }
  const marks =
    readParent === undefined
      ? undefined
      : sectorMarks(store, {
          geometry,
          readParent,
          placeOf: async (chunk) => {
            const index = bitmapEntry(chunk, geometry)
            const entry = await readEntry(index)
            if (entry.state === bitmapStates.present) return entry.at
            const at = allocate(bitmapBlockBytes)
            await setEntry(index, bitmapStates.present, at)
            return at
          },
        })

  /** Makes a part of a block this file's own, and tells where it is. */
  const claim = async (part: BlockPart): Promise<number> => {
    const index = payloadEntry(part.block, geometry)
    const entry = await readEntry(index)
    const isPlaced = entry.state === blockStates.fullyPresent || entry.state === blockStates.partiallyPresent
    const at = isPlaced ? entry.at : allocate(geometry.blockBytes)
    // What was zero stays zero around the part: nothing was ever written to a place that was just added.
    const isWhole =
      marks === undefined ||
      entry.state === blockStates.fullyPresent ||
      entry.state === blockStates.zero ||
      isWholeBlock(part, geometry)
    // The place is noted before sectors are filled: should that fail, it is not lost.
    if (!isPlaced) await setEntry(index, isWhole ? blockStates.fullyPresent : blockStates.partiallyPresent, at)
    const becomesWhole = isWhole ? entry.state === blockStates.partiallyPresent : await marks.set(part, at)
    if (becomesWhole) await setEntry(index, blockStates.fullyPresent, at)
    return at + part.from
  }

  /** Makes whole blocks zero that are not in the file, as far as one page goes; gives the first block that it left. */
  const zeroAbsent = async (first: number, end: number): Promise<number> => {
    const page = Math.floor(payloadEntry(first, geometry) / entriesPerPage)
    // Without a parent, what is not present reads as zeros already.
    const { buffer } = await (marks === undefined ? bat.read(page) : bat.change(page))
    const entries = new DataView(buffer)
    let block = first
    for (; block < end; block++) {
      const index = payloadEntry(block, geometry) - page * entriesPerPage
      if (index >= entriesPerPage) break
      const { state } = decodeBatEntry(entries, index)
      if (state !== blockStates.notPresent && state !== blockStates.zero) break
      if (marks !== undefined) encodeBatEntry(entries, index, blockStates.zero, 0)
    }
    return block
  }

  /** Makes a part of a block read as zeros; tells where they must be written, if anywhere. */
  const claimZero = async (part: BlockPart): Promise<number | undefined> => {
    const { state } = await readEntry(payloadEntry(part.block, geometry))
    if (state === blockStates.zero || (state === blockStates.notPresent && marks === undefined)) return undefined
    // A block keeps its place: giving it up would leave a hole in the file that nothing uses.
    return claim(part)
  }

  const placeWrite = async (offset: number, length: number): Promise<readonly Placement[]> => {
    const placements: Placement[] = []
    for (let at = offset; at < offset + length; ) {
      const part = partAt(at, offset + length, geometry)
      append(placements, { at: await claim(part), from: at - offset, length: part.to - part.from })
      at += part.to - part.from
    }
    return placements
  }

  const placeZero = async (offset: number, length: number): Promise<readonly Placement[]> => {
    const { blockBytes, blockCount, sizeBytes } = geometry
    const placements: Placement[] = []
    const end = offset + length
    const wholeEnd = end === sizeBytes ? blockCount : Math.floor(end / blockBytes)
    for (let at = offset; at < end; ) {
      const part = partAt(at, end, geometry)
      const left = part.from === 0 ? await zeroAbsent(part.block, wholeEnd) : part.block
      if (left > part.block) at = Math.min(end, left * blockBytes)
      else {
        const place = await claimZero(part)
        if (place !== undefined) append(placements, { at: place, from: at - offset, length: part.to - part.from })
        at += part.to - part.from
      }
    }
    return placements
  }

  return {
    write: async (offset, bytes) => {
      const placements = await exclusive(() => placeWrite(offset, bytes.byteLength))
      for (const { at, from, length } of placements) await store.write(at, bytes.subarray(from, from + length))
    },
    zero: async (offset, length) => {
      const placements = await exclusive(() => placeZero(offset, length))
      for (const placement of placements) await store.zero(placement.at, placement.length)
    },
    flush: () =>
      exclusive(async () => {
        await marks?.flush()
        await bat.flush()
      }),
    fileBytes: () => end,
  }
}

function partAt(at: number, end: number, { blockBytes }: BlockGeometry): BlockPart {
  const block = Math.floor(at / blockBytes)
  const start = block * blockBytes
  return { block, from: at - start, to: Math.min(end - start, blockBytes) }
}

function isWholeBlock({ block, from, to }: BlockPart, geometry: BlockGeometry): boolean {
  return from === 0 && to === bytesOfBlock(block, geometry)
}

/** Joins placements that follow each other in the operation and in the file, so that they become one write. */
function append(placements: Placement[], next: Placement): void {
  const last = placements.at(-1)
  if (last !== undefined && last.at + last.length === next.at && last.from + last.length === next.from)
    placements[placements.length - 1] = { ...last, length: last.length + next.length }
  else placements.push(next)
}
