import { readPart } from '../bytes/read-part.js'
import { tableBudget } from '../bytes/table-budget.js'
import { type TableCache, tableCache } from '../bytes/table-cache.js'
import { corrupt } from '../image/image-error.js'
import type { Run } from '../image/layer.js'
import { sectorBytes } from './layout.js'
import { bitRuns } from './sector-bitmap.js'
import { misplacement, type SparseDisk } from './sparse-disk.js'

/** Memory for bitmaps that were read; one may take up to half a MiB. */
const bitmapsKept = { bytes: 4 * 2 ** 20, most: 1024 }

/**
 * Makes the function that says where the bytes of a dynamic or differencing disk are.
 *
 * In a differencing disk the bitmap of a block decides sector by sector between it and the parent. In a dynamic disk a
 * bitmap only tells what was never written; the data of a block is taken as it is stored, as qemu takes it: honest writers
 * leave zeros where bits are clear, and nothing is lost of those that did not keep their bitmaps.
 */
export function sparseRuns(disk: SparseDisk): (offset: number, length: number) => AsyncIterable<Run> {
  const { file, bitmapBytes } = disk
  // By the sector where the bitmap is, not by block: the same bytes are never read for two of them.
  const bitmaps = tableCache(Math.min(bitmapsKept.most, Math.floor(bitmapsKept.bytes / bitmapBytes)), (sector) =>
    readPart(file, sector * sectorBytes, bitmapBytes, 'the bitmap of a block'),
  )
  return (offset, length) => walk(disk, bitmaps, offset, length)
}

async function* walk(
  disk: SparseDisk,
  bitmaps: TableCache<Uint8Array>,
  offset: number,
  length: number,
): AsyncGenerator<Run, void, undefined> {
  const { file, header, bitmapBytes, table, isDifferencing } = disk
  const { blockBytes } = header
  const end = offset + length
  const visitBlock = tableBudget(file, bitmapBytes + blockBytes, 'its blocks')
  for (let at = offset; at < end; ) {
    const index = Math.floor(at / blockBytes)
    const span = await table.span(index)
    if (span.kind === 'absent') {
      const next = Math.min(end, (index + span.blocks) * blockBytes)
      yield { kind: 'absent', offset: at, length: next - at }
      at = next
      continue
    }
    visitBlock()
    const wrong = misplacement(disk, index, span.sector)
    if (wrong !== undefined) throw corrupt(wrong, file.name, span.sector * sectorBytes)
    const next = Math.min(end, (index + 1) * blockBytes)
    const dataAt = span.sector * sectorBytes + bitmapBytes
    const block: Block = { from: at, to: next, start: index * blockBytes, dataAt }
    if (isDifferencing) yield* bySector(disk, block, await bitmaps.get(span.sector))
    else yield stored(disk, block)
    at = next
  }
}

/** The part of a block that is asked for, as bytes of the disk, and where the data of the block is. */
interface Block {
  readonly from: number
  readonly to: number
  readonly start: number
  readonly dataAt: number
}

function* bySector(disk: SparseDisk, block: Block, bitmap: Uint8Array): Generator<Run, void, undefined> {
  const firstSector = Math.floor((block.from - block.start) / sectorBytes)
  const lastSector = Math.ceil((block.to - block.start) / sectorBytes)
  for (const bits of bitRuns(bitmap, firstSector, lastSector)) {
    const from = Math.max(block.from, block.start + bits.from * sectorBytes)
    const to = Math.min(block.to, block.start + bits.to * sectorBytes)
    yield bits.isSet ? stored(disk, { ...block, from, to }) : { kind: 'absent', offset: from, length: to - from }
  }
}

function stored({ file }: SparseDisk, { from, to, start, dataAt }: Block): Run {
  return { kind: 'stored', offset: from, length: to - from, source: file.source, at: dataAt + from - start }
}
