import { Buffer } from 'node:buffer'
import type { ByteStore } from '../bytes/byte-source.js'
import { type BlockGeometry, bytesOfBlock } from './geometry.js'
import { tablePages } from './table-pages.js'

/** Marks which sectors of partially present blocks are in the file (2.4). Called by one task at a time. */
export interface SectorMarks {
  /**
   * Marks every sector that a part of a block touches; `at` is where the block is.
   *
   * A sector that is only partly written, and was not in the file before, is first filled with the parent's bytes.
   * @returns whether now every sector of the block is in the file
   */
  readonly set: (
    part: { readonly block: number; readonly from: number; readonly to: number },
    at: number,
  ) => Promise<boolean>
  readonly flush: () => Promise<void>
}

/** What marking needs to know. */
export interface SectorMarksOptions {
  readonly geometry: BlockGeometry
  readonly readParent: (offset: number, into: Uint8Array) => Promise<void>
  /** Tells where the sector bitmap of a chunk is, and adds it when it is not there. */
  readonly placeOf: (chunk: number) => Promise<number>
}

/** The bits of one block never take more, and begin at multiples of what they take. */
const pageBytes = 64 * 1024
const pagesInMemory = 64

/** Begins with no sector marked. */
export function sectorMarks(store: ByteStore, { geometry, readParent, placeOf }: SectorMarksOptions): SectorMarks {
  const { blockBytes, sectorBytes, sectorsPerBlock, blocksPerChunk } = geometry
  const bitsBytes = sectorsPerBlock / 8
  const pagesPerChunk = (blocksPerChunk * bitsBytes) / pageBytes
  const places = new Map<number, number>()
  const pages = tablePages(store, {
    pageBytes,
    place: (page) => {
      const at = places.get(Math.floor(page / pagesPerChunk))
      if (at === undefined) throw new Error(`no sector bitmap was added for its page ${page}`)
      return at + (page % pagesPerChunk) * pageBytes
    },
    capacity: pagesInMemory,
  })
  const fill = async (block: number, sector: number, at: number) => {
    const bytes = new Uint8Array(sectorBytes)
    await readParent(block * blockBytes + sector * sectorBytes, bytes)
    await store.write(at + sector * sectorBytes, bytes)
  }
  return {
    set: async ({ block, from, to }, at) => {
      const chunk = Math.floor(block / blocksPerChunk)
      if (!places.has(chunk)) places.set(chunk, await placeOf(chunk))
      const bitsAt = block * bitsBytes
      const page = await pages.change(Math.floor(bitsAt / pageBytes))
      const bits = page.subarray(bitsAt % pageBytes, (bitsAt % pageBytes) + bitsBytes)
      const first = Math.floor(from / sectorBytes)
      const end = Math.ceil(to / sectorBytes)
      const cut = new Set<number>()
      if (from % sectorBytes !== 0) cut.add(first)
      if (to % sectorBytes !== 0) cut.add(end - 1)
      for (const sector of cut) if (!isMarked(bits, sector)) await fill(block, sector, at)
      mark(bits, first, end)
      return areMarked(bits, bytesOfBlock(block, geometry) / sectorBytes)
    },
    flush: pages.flush,
  }
}

function isMarked(bits: Uint8Array, sector: number): boolean {
  return (((bits[sector >>> 3] ?? 0) >>> (sector & 7)) & 1) === 1
}

/** Sets bits, whole bytes at once where it can. */
function mark(bits: Uint8Array, first: number, end: number): void {
  for (let sector = first; sector < end; ) {
    const isByte = sector % 8 === 0 && sector + 8 <= end
    bits[sector >>> 3] = isByte ? 0xff : (bits[sector >>> 3] ?? 0) | (1 << (sector & 7))
    sector += isByte ? 8 : 1
  }
}

const allMarked = Buffer.alloc(pageBytes, 0xff)

function areMarked(bits: Uint8Array, count: number): boolean {
  const whole = Math.floor(count / 8)
  if (allMarked.compare(bits, 0, whole, 0, whole) !== 0) return false
  for (let sector = whole * 8; sector < count; sector++) if (!isMarked(bits, sector)) return false
  return true
}
