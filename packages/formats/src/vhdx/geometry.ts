import { bitmapBlockBytes } from './layout.js'

/** How a disk is cut into blocks and chunks (2.4), and where in the block allocation table each has its entry (2.5). */
export interface BlockGeometry {
  readonly sizeBytes: number
  readonly sectorBytes: number
  readonly blockBytes: number
  readonly blockCount: number
  readonly sectorsPerBlock: number
  /** Payload blocks that share a sector bitmap block: the chunk ratio. */
  readonly blocksPerChunk: number
  /** Sector bitmap blocks that the whole disk takes. */
  readonly chunkCount: number
}

/** Computes the geometry of a disk. */
export function blockGeometry({
  sizeBytes,
  sectorBytes,
  blockBytes,
}: Pick<BlockGeometry, 'sizeBytes' | 'sectorBytes' | 'blockBytes'>): BlockGeometry {
  const blocksPerChunk = (bitmapBlockBytes * 8 * sectorBytes) / blockBytes
  const blockCount = Math.ceil(sizeBytes / blockBytes)
  return {
    sizeBytes,
    sectorBytes,
    blockBytes,
    blockCount,
    sectorsPerBlock: blockBytes / sectorBytes,
    blocksPerChunk,
    chunkCount: Math.ceil(blockCount / blocksPerChunk),
  }
}

/** Entry of a payload block: one entry of a sector bitmap block follows the blocks of each chunk. */
export function payloadEntry(block: number, { blocksPerChunk }: BlockGeometry): number {
  return block + Math.floor(block / blocksPerChunk)
}

/** Entry of the sector bitmap block of a chunk. */
export function bitmapEntry(chunk: number, { blocksPerChunk }: BlockGeometry): number {
  return (chunk + 1) * (blocksPerChunk + 1) - 1
}

/** Payload blocks whose entries lie before an entry. */
export function blocksBefore(entry: number, { blocksPerChunk }: BlockGeometry): number {
  return entry - Math.floor(entry / (blocksPerChunk + 1))
}

/** Entries that the table must have: with a parent it ends with a sector bitmap block, else with a payload block. */
export function batEntryCount(geometry: BlockGeometry, hasParent: boolean): number {
  const { blockCount, chunkCount } = geometry
  if (hasParent) return chunkCount === 0 ? 0 : bitmapEntry(chunkCount - 1, geometry) + 1
  return blockCount === 0 ? 0 : payloadEntry(blockCount - 1, geometry) + 1
}

/** Bytes of the disk that a block holds: the last one may hold less than a block. */
export function bytesOfBlock(block: number, { blockBytes, sizeBytes }: BlockGeometry): number {
  return Math.min(blockBytes, sizeBytes - block * blockBytes)
}
