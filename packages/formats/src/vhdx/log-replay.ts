import type { NamedSource } from '../bytes/byte-source.js'
import { assertWithin } from '../bytes/read-part.js'
import { corrupt, ImageError } from '../image/image-error.js'
import type { VhdxHeader } from './header.js'
import { alignmentBytes, headerSectionBytes, logLayout, mebibyte } from './layout.js'
import { entryUpdates, type LogEntry, type LogUpdate } from './log-entry.js'
import { type LogSectors, logSectors } from './log-sectors.js'
import { activeSequence, findEntries } from './log-sequence.js'
import { overlaySource } from './overlay-source.js'

/** Hyper-V and QEMU write logs of a mebibyte. */
const logLimitBytes = 64 * mebibyte

/** Updates that one log may hold; the data sectors of the largest log are a quarter of it. */
const updatesLimit = 65_536

/** How far a replay may let the file grow: what a dead writer had not yet flushed. */
const growthLimitBytes = 1024 * mebibyte

/** A file with its log replayed over it. */
export interface ReplayedFile {
  readonly file: NamedSource
  /** Entries that were replayed. */
  readonly entryCount: number
}

/**
 * Replays the log in memory, as a reader must (2.3.3): what the last writer left undone is laid over the file.
 *
 * @throws ImageError `corrupt` when it cannot be replayed, `limit`
 */
export async function replayLog(file: NamedSource, header: VhdxHeader): Promise<ReplayedFile> {
  if (header.logId === undefined) return { file, entryCount: 0 }
  const log = openLog(file, header)
  const sequence = activeSequence(await findEntries(log, header.logId), log.sectorCount)
  const head = sequence?.at(-1)
  if (sequence === undefined || head === undefined)
    throw unreplayable('its log is not empty, but holds no complete sequence of entries', log)
  if (head.flushedFileBytes > BigInt(file.source.sizeBytes))
    throw unreplayable(
      `it was cut off: its log knows of ${head.flushedFileBytes} bytes, but it has ${file.source.sizeBytes}`,
      log,
    )
  const updates = await collectUpdates(sequence, log)
  const sizeBytes = sizeAfter(updates, head, log)
  const overlaid = { ...file, source: overlaySource(log, updates, sizeBytes) }
  return { file: overlaid, entryCount: sequence.length }
}

function openLog(file: NamedSource, { logOffset, logBytes }: VhdxHeader): LogSectors {
  const offset = Number(logOffset)
  if (offset < headerSectionBytes || offset % alignmentBytes !== 0 || logBytes === 0 || logBytes % alignmentBytes !== 0)
    throw corrupt(
      `its log at ${logOffset}, ${logBytes} bytes long, is not in whole mebibytes after the headers`,
      file.name,
    )
  if (logBytes > logLimitBytes)
    throw new ImageError(
      'limit',
      `its log of ${logBytes} bytes is larger than the ${logLimitBytes} that are replayed`,
      {
        file: file.name,
        hint: 'Open and close it with the program that last wrote it, which then empties the log.',
      },
    )
  assertWithin(offset, logBytes, file, 'its log')
  return logSectors(file, { offset, length: logBytes })
}

async function collectUpdates(sequence: readonly LogEntry[], log: LogSectors): Promise<readonly LogUpdate[]> {
  const count = sequence.reduce((sum, entry) => sum + entry.descriptorCount, 0)
  if (count > updatesLimit)
    throw new ImageError('limit', `its log has ${count} updates, more than the ${updatesLimit} that are replayed`, {
      file: log.file.name,
    })
  const updates: LogUpdate[] = []
  for (const entry of sequence) for (const update of await entryUpdates(entry, log)) updates.push(update)
  return updates
}

/** A replay makes the file as large as its updates reach, and as the head entry says. */
function sizeAfter(updates: readonly LogUpdate[], head: LogEntry, log: LogSectors): number {
  const had = BigInt(log.file.source.sizeBytes)
  const reached = updates.reduce((most, { offset, length }) => larger(most, offset + length), head.lastFileBytes)
  const size = larger(had, reached)
  if (size - had <= BigInt(growthLimitBytes)) return Number(size)
  throw new ImageError('limit', `its log lets it grow from ${had} to ${size} bytes, which is not believed`, {
    file: log.file.name,
    hint: 'Copy the file again while nothing writes to it.',
  })
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function unreplayable(message: string, { file, place }: LogSectors): ImageError {
  return new ImageError('corrupt', message, {
    file: file.name,
    offset: place(0),
    hint: `It was not closed cleanly and its ${logLayout.sectorBytes}-byte updates are lost: copy it again while its VM is off, or restore it.`,
  })
}
