import type { ByteStore } from '../bytes/byte-source.js'
import { zeroedEntry } from './hosted-extent.js'
import { sectorBytes } from './sectors.js'
import {
  entriesPerTable,
  entryBytes,
  grainBytes,
  grainSectors,
  type SparseLayout,
  tableBytes,
  tableSectors,
} from './sparse-layout.js'
import { type TableBlock, tableStore } from './table-store.js'

/** A sparse extent that is being written, and where it begins on the disk. */
export interface SparseTarget {
  readonly store: ByteStore
  readonly start: number
  readonly layout: SparseLayout
}

/** A stretch of the disk, within one grain or over several that lie in a row, and its place in a file. */
export interface Piece {
  readonly from: number
  readonly to: number
  readonly store: ByteStore
  readonly at: number
  /** Set for a grain that is new and must get the rest of its bytes from the parent; then the piece is one grain's. */
  readonly fill?: { readonly start: number; readonly length: number }
}

/** Where grains are, and where new ones go. */
export interface GrainPlacement {
  /** Finds places for what will be written; grains that have none get one. Called: one at a time. */
  readonly place: (from: number, to: number) => Promise<readonly Piece[]>
  /** Makes whole grains zero by their entries, and says which pieces are to be zeroed in place. Called: as `place`. */
  readonly zero: (from: number, to: number) => Promise<readonly Piece[]>
  /** Writes changed tables. Called: as `place`. */
  readonly save: () => Promise<void>
  /** First sector behind the grains of an extent. */
  readonly endSector: (extent: number) => number
}

/** Tables in a block: 64 KiB of them, for 1 GiB of the disk. */
const tablesPerBlock = 32
const blockBytes = tablesPerBlock * tableBytes
const coveredBytes = tablesPerBlock * entriesPerTable * grainBytes
const blocksKept = 64

/**
 * Places the grains of a disk in its extents, each of `extentBytes` but the last.
 *
 * Grains of the parent end at `parentBytes`; without a parent that is 0. New grains are taken from the end of the
 * file, where everything reads as zeros: only a parent's bytes have to be written to what is left out of a grain.
 */
export function grainPlacement(
  extents: readonly SparseTarget[],
  extentBytes: number,
  parentBytes: number,
): GrainPlacement {
  const nextSectors = extents.map(({ layout }) => layout.overheadSectors)
  const blocksPerExtent = Math.ceil(extentBytes / coveredBytes)
  const targetOf = (index: number) => {
    const target = extents[index]
    if (target === undefined) throw new RangeError(`the disk has no extent ${index}`)
    return target
  }
  const tables = tableStore(blocksKept, (block) => {
    const { store, layout } = targetOf(Math.floor(block / blocksPerExtent))
    const first = (block % blocksPerExtent) * tablesPerBlock
    const copies = [layout.tableSector, layout.redundantTableSector]
    return {
      store,
      copies: copies.map((sector) => (sector + first * tableSectors) * sectorBytes),
      length: Math.min(blockBytes, (layout.tables - first) * tableBytes),
    }
  })

  const allocate = (extent: number, block: TableBlock, entryAt: number): number => {
    const sector = nextSectors[extent] ?? 0
    nextSectors[extent] = sector + grainSectors
    block.entries.setUint32(entryAt, sector, true)
    block.isChanged = true
    return sector
  }

  /** Visits the grains of a range; `skips` tells of blocks that hold nothing of interest. */
  const each = async (
    from: number,
    to: number,
    skips: (block: number) => boolean,
    visit: (grain: VisitedGrain) => void,
  ) => {
    for (let at = from; at < to; ) {
      const extent = Math.floor(at / extentBytes)
      const { start, store, layout } = targetOf(extent)
      const diskEnd = start + layout.capacity * sectorBytes
      const inExtent = Math.floor((at - start) / coveredBytes)
      const blockStart = start + inExtent * coveredBytes
      const blockEnd = Math.min(to, diskEnd, blockStart + coveredBytes)
      const index = extent * blocksPerExtent + inExtent
      if (!skips(index)) {
        const block = await tables.load(index)
        while (at < blockEnd) {
          const grain = Math.floor((at - blockStart) / grainBytes)
          const grainStart = blockStart + grain * grainBytes
          const grainEnd = Math.min(diskEnd, grainStart + grainBytes)
          const end = Math.min(blockEnd, grainEnd)
          visit({ extent, store, block, entryAt: grain * entryBytes, from: at, to: end, grainStart, grainEnd })
          at = end
        }
      }
      at = blockEnd
    }
  }

  /** Whether a part of the grain that is not written shows the parent. */
  const showsParent = ({ from, to, grainStart, grainEnd }: VisitedGrain) =>
    grainStart < parentBytes && (from > grainStart || to < Math.min(grainEnd, parentBytes))

  return {
    place: async (from, to) => {
      const pieces: Piece[] = []
      await each(
        from,
        to,
        () => false,
        (grain) => {
          const entry = grain.block.entries.getUint32(grain.entryAt, true)
          const isNew = entry <= zeroedEntry
          const fills = entry === 0 && showsParent(grain)
          const sector = isNew ? allocate(grain.extent, grain.block, grain.entryAt) : entry
          add(pieces, pieceOf(grain, sector, fills))
        },
      )
      return pieces
    },
    zero: async (from, to) => {
      const pieces: Piece[] = []
      await each(
        from,
        to,
        (block) => parentBytes === 0 && !tables.exists(block),
        (grain) => {
          const { block, entryAt, extent } = grain
          const entry = block.entries.getUint32(entryAt, true)
          if (entry > zeroedEntry) add(pieces, pieceOf(grain, entry, false))
          else if (entry === 0 && showsParent(grain))
            add(pieces, pieceOf(grain, allocate(extent, block, entryAt), true))
          else if (entry === 0 && grain.grainStart < parentBytes) {
            block.entries.setUint32(entryAt, zeroedEntry, true)
            block.isChanged = true
          }
        },
      )
      return pieces
    },
    save: () => tables.save(),
    endSector: (extent) => nextSectors[extent] ?? 0,
  }
}

interface VisitedGrain {
  readonly extent: number
  readonly store: ByteStore
  readonly block: TableBlock
  readonly entryAt: number
  /** What is touched of it, and where it is on the disk. */
  readonly from: number
  readonly to: number
  readonly grainStart: number
  readonly grainEnd: number
}

function pieceOf({ store, from, to, grainStart, grainEnd }: VisitedGrain, sector: number, fills: boolean): Piece {
  const at = sector * sectorBytes + from - grainStart
  return { from, to, store, at, ...(fills && { fill: { start: grainStart, length: grainEnd - grainStart } }) }
}

/** Adds a piece, joined to the last one where both are one stretch of the file. */
function add(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1)
  const follows = last?.to === piece.from && last.store === piece.store && last.at + last.to - last.from === piece.at
  if (last !== undefined && follows && last.fill === undefined && piece.fill === undefined)
    pieces[pieces.length - 1] = { ...last, to: piece.to }
  else pieces.push(piece)
}
