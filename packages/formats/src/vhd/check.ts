import { allocate, allocationLimitBytes } from '../bytes/allocate.js'
import { readPart } from '../bytes/read-part.js'
import type { ImageProblem } from '../image/layer.js'
import { roundUp, sectorBytes } from './layout.js'
import { bitRuns } from './sector-bitmap.js'
import { misplacement, type SparseDisk } from './sparse-disk.js'

/** Places of blocks that are compared at once; a file with room for more of them is gone through in several passes. */
const placesAtOnce = allocationLimitBytes / Uint32Array.BYTES_PER_ELEMENT

/** Checks the table and the bitmaps of a dynamic or differencing disk. */
export async function* checkBlocks(disk: SparseDisk): AsyncGenerator<ImageProblem, void, undefined> {
  const { bitmapBytes, header, dataEnd } = disk
  const unitSectors = (bitmapBytes + header.blockBytes) / sectorBytes
  const dataSectors = Math.floor(dataEnd / sectorBytes)
  const gaps = gapCounter(disk, unitSectors)
  let unwritten = 0
  for (let first = 0; first < dataSectors; first += placesAtOnce * unitSectors) {
    // Two blocks cannot begin within the length of one: each such stretch of the file has one place at most.
    const stretches = Math.min(placesAtOnce, Math.ceil((dataSectors - first) / unitSectors))
    const places = new Uint32Array(
      allocate(stretches * Uint32Array.BYTES_PER_ELEMENT, 'Places of blocks', disk.file.name).buffer,
    )
    for await (const { index, sector, wrong } of blocks(disk)) {
      const stretch = Math.floor((sector - first) / unitSectors)
      if (wrong !== undefined) {
        // Told of once, in the first pass.
        if (first === 0) yield { severity: 'corrupt', message: `In the table, ${wrong}.`, offset: sector * sectorBytes }
      } else if (stretch < 0 || stretch >= stretches) continue
      else if (places[stretch] !== 0)
        yield {
          severity: 'corrupt',
          message: `Block ${index} shares its place in the file with another block.`,
          offset: sector * sectorBytes,
        }
      else {
        places[stretch] = sector
        if (index * header.blockBytes >= disk.sizeBytes)
          yield {
            severity: 'leak',
            message: `Block ${index} lies behind the end of the disk.`,
            offset: sector * sectorBytes,
          }
        unwritten += await clearSectors(disk, index, sector)
      }
    }
    for (const sector of places) if (sector !== 0) yield* gaps.next(sector)
  }
  yield* gaps.end()
  if (unwritten > 0)
    yield {
      severity: 'note',
      message: `${unwritten} sectors of blocks in the file are marked as never written. They are read as they are stored, as qemu does; programs that trust the marks read zeros.`,
    }
}

interface CheckedBlock {
  readonly index: number
  readonly sector: number
  readonly wrong: string | undefined
}

async function* blocks(disk: SparseDisk): AsyncGenerator<CheckedBlock, void, undefined> {
  for (let index = 0; index < disk.header.tableEntries; ) {
    const span = await disk.table.span(index)
    if (span.kind === 'absent') index += span.blocks
    else {
      yield { index, sector: span.sector, wrong: misplacement(disk, index, span.sector) }
      index += 1
    }
  }
}

/** Counts the sectors of a block of a dynamic disk whose bits are clear. */
async function clearSectors(disk: SparseDisk, index: number, sector: number): Promise<number> {
  if (disk.isDifferencing) return 0
  const { file, bitmapBytes, header, sizeBytes } = disk
  const used = Math.max(0, Math.min(header.blockBytes, sizeBytes - index * header.blockBytes))
  const bitmap = await readPart(file, sector * sectorBytes, bitmapBytes, 'the bitmap of a block')
  let clear = 0
  for (const { from, to, isSet } of bitRuns(bitmap, 0, Math.ceil(used / sectorBytes))) if (!isSet) clear += to - from
  return clear
}

/** Compares each block with the one before it in the file: they may overlap, or leave room that nothing refers to. */
function gapCounter(disk: SparseDisk, unitSectors: number) {
  const areas = [...disk.reserved, ...locatorAreas(disk)]
  let end = 0
  let lost = 0
  const passGap = (to: number) => {
    const taken = areas.reduce((sum, area) => sum + Math.max(0, Math.min(area.to, to) - Math.max(area.from, end)), 0)
    lost += Math.max(0, Math.floor((to - end - taken) / (unitSectors * sectorBytes)))
  }
  return {
    *next(sector: number): Generator<ImageProblem, void, undefined> {
      const offset = sector * sectorBytes
      if (offset < end)
        yield { severity: 'corrupt', message: `A block overlaps the one before it by ${end - offset} bytes.`, offset }
      passGap(offset)
      end = offset + unitSectors * sectorBytes
    },
    *end(): Generator<ImageProblem, void, undefined> {
      passGap(disk.dataEnd)
      if (lost > 0)
        yield { severity: 'leak', message: `The file has room for ${lost} blocks that its table does not refer to.` }
    },
  }
}

function locatorAreas({ header }: SparseDisk): readonly { readonly from: number; readonly to: number }[] {
  return header.locators.map(({ offset, length }) => ({
    from: Number(offset),
    to: Number(offset) + roundUp(length, sectorBytes),
  }))
}
