import { fields } from '../bytes/fields.js'
import type { CallOptions } from '../filesystem.js'
import type { XfsVolume } from './volume.js'

/** What the log says of the last use: all of it is on its place, or some of it is in the log only. */
export type LogState = 'clean' | 'dirty' | 'elsewhere'

const sectorBytes = 512
const recordMagic = 0xfeed_babe
const unmountFlag = 0x20
/** A record is 256 KiB at most, and padded to as much. */
const mostRecordSectors = 1100
const headerSizeUnit = 32_768

/**
 * Tells whether the log ends with the record of an unmount.
 *
 * Each sector of the log begins with the number of the round that wrote it, so the head is where that number falls.
 */
export async function readLogState(volume: XfsVolume, options: CallOptions): Promise<LogState> {
  const { log, blockBytes } = volume.superblock
  if (log === undefined) return 'elsewhere'
  const start = volume.byteOf(log.startBlock, log.blocks, {})
  const sectors = (log.blocks * blockBytes) / sectorBytes
  const sector = async (wanted: number) => {
    const index = (wanted + sectors) % sectors
    const bytes = await volume.reader.structure(start + index * sectorBytes, sectorBytes, 'the log', options)
    return fields(bytes, 'big', 'the log', { offset: start + index * sectorBytes })
  }
  const cycle = async (index: number) => {
    const at = await sector(index)
    return at.u32(0) === recordMagic ? at.u32(4) : at.u32(0)
  }
  const first = await cycle(0)
  if (first === 0) return 'clean'
  const head = (await cycle(sectors - 1)) === first ? sectors : await firstOfEarlier(cycle, sectors, first)
  for (let back = 1; back <= Math.min(sectors, mostRecordSectors); back++) {
    const header = await sector(head - back)
    if (header.u32(0) !== recordMagic) continue
    const headerSectors = Math.max(1, Math.ceil(header.u32(320) / headerSizeUnit))
    const isLast = header.u32(40) === 1 && headerSectors + Math.ceil(header.u32(12) / sectorBytes) === back
    if (!isLast) return 'dirty'
    return ((await sector(head - back + headerSectors)).u8(9) & unmountFlag) === 0 ? 'dirty' : 'clean'
  }
  return 'dirty'
}

/** Finds the first sector that an earlier round than the first one's wrote. */
async function firstOfEarlier(
  cycle: (index: number) => Promise<number>,
  sectors: number,
  first: number,
): Promise<number> {
  let low = 0
  let high = sectors - 1
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if ((await cycle(middle)) === first) low = middle
    else high = middle
  }
  return high
}
