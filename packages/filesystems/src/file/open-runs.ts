import type { VolumeReader } from '../bytes/volume-reader.js'
import type { ByteRange, CallOptions, OpenFile } from '../filesystem.js'
import { damaged, FilesystemError, type Place } from '../filesystem-error.js'

/** A part of a file and where it is stored. */
export interface FileRun {
  /** Byte in the file. */
  readonly offset: number
  readonly length: number
  /** Byte in the volume; absent in a hole and where space is reserved but not written. */
  readonly at?: number
}

/** How a file is stored. */
export interface FileMap {
  readonly sizeBytes: number
  /**
   * Yields the runs of a part of the file in ascending order. What no run covers is a hole.
   *
   * Called: with ranges inside `sizeBytes`, once for each read. Runs may reach beyond the range on both sides, and join
   * what lies side by side: reads are as large as runs are.
   */
  readonly runs: (range: ByteRange, options: CallOptions) => AsyncIterable<FileRun>
  /** For errors. */
  readonly place?: Place
}

/** Opens a file whose content lies as it is in runs of the volume. */
export function openRuns(reader: VolumeReader, map: FileMap): OpenFile {
  const { sizeBytes } = map
  return {
    sizeBytes,
    dataRanges: (options) => dataRanges(map, options),
    read: async (offset, into, options) => {
      assertInFile(offset, into.byteLength, sizeBytes)
      options.signal.throwIfAborted()
      const end = offset + into.byteLength
      let done = offset
      for await (const run of clipped(map, { offset, length: into.byteLength }, options)) {
        into.fill(0, done - offset, run.offset - offset)
        done = run.offset + run.length
        const part = into.subarray(run.offset - offset, done - offset)
        if (run.at === undefined) part.fill(0)
        else await reader.content(run.at, part, options)
      }
      into.fill(0, done - offset, end - offset)
    },
  }
}

/** Opens a file whose content is in memory: inline in its inode or record. */
export function openInline(content: Uint8Array): OpenFile {
  const sizeBytes = content.byteLength
  return {
    sizeBytes,
    dataRanges: async function* () {
      if (sizeBytes > 0) yield { offset: 0, length: sizeBytes }
    },
    read: async (offset, into, options) => {
      assertInFile(offset, into.byteLength, sizeBytes)
      options.signal.throwIfAborted()
      into.set(content.subarray(offset, offset + into.byteLength))
    },
  }
}

/** @throws FilesystemError `out-of-range` */
export function assertInFile(offset: number, length: number, sizeBytes: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && length <= sizeBytes - offset) return
  throw new FilesystemError(
    'out-of-range',
    `${length} bytes at ${offset} are not within the file of ${sizeBytes} bytes.`,
  )
}

async function* dataRanges(map: FileMap, options: CallOptions): AsyncIterable<ByteRange> {
  let pending: ByteRange | undefined
  for await (const { offset, length, at } of clipped(map, { offset: 0, length: map.sizeBytes }, options)) {
    if (at === undefined) continue
    if (pending !== undefined && pending.offset + pending.length === offset) {
      pending = { offset: pending.offset, length: pending.length + length }
    } else {
      if (pending !== undefined) yield pending
      pending = { offset, length }
    }
  }
  if (pending !== undefined) yield pending
}

/** The runs of a range, cut to it; refuses what is not in ascending order. */
async function* clipped(map: FileMap, range: ByteRange, options: CallOptions): AsyncIterable<FileRun> {
  const end = range.offset + range.length
  if (range.length === 0) return
  let last = -1
  for await (const run of map.runs(range, options)) {
    options.signal.throwIfAborted()
    if (run.offset < last) throw damaged(`a file has two runs for its byte ${run.offset}`, map.place)
    last = run.offset + run.length
    if (last <= range.offset) continue
    if (run.offset >= end) return
    const start = Math.max(run.offset, range.offset)
    const length = Math.min(last, end) - start
    yield { offset: start, length, ...(run.at !== undefined && { at: run.at + (start - run.offset) }) }
  }
}
