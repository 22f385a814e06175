import { tableBudget } from '../bytes/table-budget.js'
import { corrupt } from '../image/image-error.js'
import type { Run } from '../image/layer.js'
import type { BatEntry } from './bat-entry.js'
import { type BlockTable, bitmapPageBytes } from './block-table.js'
import { blockStates } from './layout.js'

/** Yields where the bytes of a range are, block by block. */
export async function* blockRuns(
  table: BlockTable,
  offset: number,
  length: number,
): AsyncGenerator<Run, void, undefined> {
  const { blockBytes, sectorsPerBlock } = table.geometry
  const spendBitmap = tableBudget(table.file, bitmapPageBytes, 'sector bitmaps')
  const end = offset + length
  let bitmapPage = -1
  for (let at = offset; at < end; ) {
    const entries = await table.entriesFrom(Math.floor(at / blockBytes))
    const pageEnd = Math.min(end, entries.endBlock * blockBytes)
    if (entries.areEmpty) {
      yield { kind: 'absent', offset: at, length: pageEnd - at }
      at = pageEnd
    }
    while (at < pageEnd) {
      const block = Math.floor(at / blockBytes)
      const entry = entries.of(block)
      const blockEnd = Math.min(pageEnd, (block + 1) * blockBytes)
      if (entry.state !== blockStates.partiallyPresent) {
        const run = wholeBlocks(table, entries.of, { at, block, entry }, pageEnd)
        yield run
        at += run.length
        continue
      }
      const page = Math.floor((block * sectorsPerBlock) / 8 / bitmapPageBytes)
      if (page !== bitmapPage) spendBitmap()
      bitmapPage = page
      yield* sectorRuns(table, { at, block, entry }, blockEnd)
      at = blockEnd
    }
  }
}

interface Start {
  readonly at: number
  readonly block: number
  readonly entry: BatEntry
}

/** Makes one run of a block and of those after it that go on where it ends. */
function wholeBlocks(table: BlockTable, entryOf: (block: number) => BatEntry, start: Start, end: number): Run {
  const { blockBytes } = table.geometry
  const { at, entry } = start
  const run = wholeBlock(table, start)
  let block = start.block + 1
  for (; block * blockBytes < end; block++) {
    const next = entryOf(block)
    if (next.state !== entry.state) break
    if (run.kind !== 'stored') continue
    if (next.at !== entry.at + (block - start.block) * blockBytes) break
    table.placeOf(block, next)
  }
  return { ...run, length: Math.min(end, block * blockBytes) - at }
}

/**
 * Tells what the states of a block mean to a reader (2.5.1.1).
 *
 * Undefined and unmapped blocks may read as zeros in any kind of disk, and no state but these two lets a reader choose.
 * Only what is not present is asked of the parent; without one it reads as zeros too.
 */
function wholeBlock(table: BlockTable, { at, block, entry }: Start): Run {
  const within = at - block * table.geometry.blockBytes
  switch (entry.state) {
    case blockStates.notPresent:
      return { kind: 'absent', offset: at, length: 0 }
    case blockStates.undefined:
    case blockStates.zero:
    case blockStates.unmapped:
      return { kind: 'zero', offset: at, length: 0 }
    case blockStates.fullyPresent:
      return {
        kind: 'stored',
        offset: at,
        length: 0,
        source: table.file.source,
        at: table.placeOf(block, entry) + within,
      }
    default:
      throw corrupt(`block ${block} is in the reserved state ${entry.state}`, table.file.name, table.entryPlace(block))
  }
}

/** Yields the sectors of a partially present block (2.4): those whose bit is set are here, the others with the parent. */
async function* sectorRuns(table: BlockTable, { at, block, entry }: Start, end: number): AsyncGenerator<Run> {
  const { blockBytes, sectorBytes } = table.geometry
  const { source } = table.file
  const place = table.placeOf(block, entry)
  const bits = await table.bitsOf(block)
  const blockStart = block * blockBytes
  for (let from = at; from < end; ) {
    const first = Math.floor((from - blockStart) / sectorBytes)
    const isHere = bitAt(bits, first)
    const to = Math.min(end, blockStart + endOfAlike(bits, first, isHere) * sectorBytes)
    const range = { offset: from, length: to - from }
    if (isHere) yield { kind: 'stored', ...range, source, at: place + from - blockStart }
    else yield { kind: 'absent', ...range }
    from = to
  }
}

/** Finds the first sector after `first` whose bit is not `isSet`. */
function endOfAlike(bits: Uint8Array, first: number, isSet: boolean): number {
  const alike = isSet ? 0xff : 0
  let sector = first
  while (sector < bits.byteLength * 8 && bitAt(bits, sector) === isSet) {
    if (sector % 8 === 0 && bits[sector / 8] === alike) sector += 8
    else sector += 1
  }
  return sector
}

function bitAt(bits: Uint8Array, sector: number): boolean {
  return (((bits[sector >>> 3] ?? 0) >>> (sector & 7)) & 1) === 1
}
