import type { ByteRange, NamedSource } from '../bytes/byte-source.js'
import { readPart } from '../bytes/read-part.js'
import { tableCache } from '../bytes/table-cache.js'
import { logLayout, mebibyte } from './layout.js'

/** The log as the ring of sectors that it is (2.3). */
export interface LogSectors {
  readonly file: NamedSource
  readonly sectorCount: number
  /** Number of a sector after the ring was gone round. */
  readonly wrap: (sector: number) => number
  /** Byte of the file at which a sector begins. */
  readonly place: (sector: number) => number
  /** Gives the bytes of a sector; they are not the caller's to change. */
  readonly read: (sector: number) => Promise<Uint8Array>
}

/** Read at once: logs are whole mebibytes long. */
const pageBytes = mebibyte
const pagesKept = 4

/** Opens the log at a range of whole mebibytes. */
export function logSectors(file: NamedSource, { offset, length }: ByteRange): LogSectors {
  const { sectorBytes } = logLayout
  const sectorCount = length / sectorBytes
  const pages = tableCache(pagesKept, (page) => readPart(file, offset + page * pageBytes, pageBytes, 'its log'))
  const wrap = (sector: number) => sector % sectorCount
  return {
    file,
    sectorCount,
    wrap,
    place: (sector) => offset + wrap(sector) * sectorBytes,
    read: async (sector) => {
      const at = wrap(sector) * sectorBytes
      const within = at % pageBytes
      const page = await pages.get((at - within) / pageBytes)
      return page.subarray(within, within + sectorBytes)
    },
  }
}
