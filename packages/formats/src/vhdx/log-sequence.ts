import { ImageError } from '../image/image-error.js'
import { isWholeEntry, type LogEntry, looksLikeEntry, parseEntryHeader } from './log-entry.js'
import type { LogSectors } from './log-sectors.js'

/**
 * Entries may claim to overlap, each as long as the log: this many times the log is looked through, then it is refused.
 * Leftovers of earlier rounds overlap a little in honest logs too.
 */
const scansLimit = 8

/** Finds every valid entry of the log, by the sector at which it begins. @throws ImageError `limit` */
export async function findEntries(log: LogSectors, logId: string): Promise<ReadonlyMap<number, LogEntry>> {
  const entries = new Map<number, LogEntry>()
  let budget = scansLimit * log.sectorCount
  for (let sector = 0; sector < log.sectorCount; sector++) {
    const bytes = await log.read(sector)
    const entry = looksLikeEntry(bytes) ? parseEntryHeader(bytes, sector, log, logId) : undefined
    if (entry === undefined) continue
    budget -= entry.sectorCount
    if (budget < 0)
      throw new ImageError('limit', 'the entries of its log overlap each other many times over', {
        file: log.file.name,
        offset: log.place(sector),
      })
    if (await isWholeEntry(entry, log)) entries.set(sector, entry)
  }
  return entries
}

/**
 * Finds the active sequence (2.3.3): the newest one that is complete, from its tail entry to its head entry.
 *
 * @returns nothing when no sequence is complete
 */
export function activeSequence(
  entries: ReadonlyMap<number, LogEntry>,
  sectorCount: number,
): readonly LogEntry[] | undefined {
  let active: readonly LogEntry[] | undefined
  for (let sector = 0; sector < sectorCount; ) {
    const sequence = sequenceFrom(sector, entries, sectorCount)
    const head = sequence.at(-1)
    if (head === undefined) {
      sector += 1
      continue
    }
    const tail = sequence.findIndex((entry) => entry.sector === head.tailSector)
    const newest = active?.at(-1)
    if (tail !== -1 && (newest === undefined || head.sequence > newest.sequence)) active = sequence.slice(tail)
    // The same head ends every sequence that begins within this one, so none of them can be complete when this is not.
    sector += sequence.reduce((sum, entry) => sum + entry.sectorCount, 0)
  }
  return active
}

/** Follows entries whose sequence numbers grow by one, round the end of the ring if need be. */
function sequenceFrom(first: number, entries: ReadonlyMap<number, LogEntry>, sectorCount: number): readonly LogEntry[] {
  const sequence: LogEntry[] = []
  for (let passed = 0; ; ) {
    const entry = entries.get((first + passed) % sectorCount)
    const last = sequence.at(-1)
    if (entry === undefined || (last !== undefined && entry.sequence !== last.sequence + 1n)) return sequence
    sequence.push(entry)
    passed += entry.sectorCount
  }
}
