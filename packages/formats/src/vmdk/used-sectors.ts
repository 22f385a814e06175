import { allocate, allocationLimitBytes } from '../bytes/allocate.js'
import { sectorBytes, sectorsOf } from './sectors.js'

/** Sectors of a file that are looked at together: one bit each, in one allocation. */
export const windowSectors = allocationLimitBytes * 8

/** Which sectors of a stretch of a file something uses. */
export interface UsedSectors {
  /** Marks bytes as used; false when some of them were used before. What lies outside of the stretch is left out. */
  readonly mark: (offset: number, length: number) => boolean
  /** Whether the sector of a byte is used. */
  readonly has: (offset: number) => boolean
  /** Whether the sector of a byte is within the stretch. */
  readonly covers: (offset: number) => boolean
  /** Bytes of the stretch that nothing uses. */
  readonly freeBytes: () => number
}

/** Follows the sectors of a file from `firstSector` on, as far as memory goes. */
export function usedSectors(firstSector: number, endSector: number, file: string): UsedSectors {
  const count = Math.min(windowSectors, endSector - firstSector)
  const bits = allocate(Math.ceil(count / 8), 'the map of used sectors', file)
  let used = 0
  const isSet = (at: number) => ((bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0
  return {
    mark: (offset, length) => {
      const from = Math.max(0, Math.floor(offset / sectorBytes) - firstSector)
      const to = Math.min(count, sectorsOf(offset + length) - firstSector)
      let fresh = true
      for (let at = from; at < to; ) {
        const byte = at >> 3
        // Grains are many sectors long: eight at a time.
        if ((at & 7) === 0 && to - at >= 8 && bits[byte] === 0) {
          bits[byte] = 0xff
          used += 8
          at += 8
          continue
        }
        if (isSet(at)) fresh = false
        else {
          bits[byte] = (bits[byte] ?? 0) | (1 << (at & 7))
          used += 1
        }
        at += 1
      }
      return fresh
    },
    has: (offset) => {
      const at = Math.floor(offset / sectorBytes) - firstSector
      return at >= 0 && at < count && isSet(at)
    },
    covers: (offset) => {
      const at = Math.floor(offset / sectorBytes) - firstSector
      return at >= 0 && at < count
    },
    freeBytes: () => (count - used) * sectorBytes,
  }
}
