/** Tells who reads in order from who reads here and there, by the reads of one disk. */
export interface ReadStreams {
  /** Notes a read; the range that will likely be read next, if it was in order. */
  readonly note: (offset: number, length: number) => AheadRange | undefined
}

/** What will likely be read next. */
export interface AheadRange {
  readonly offset: number
  readonly end: number
  /** Notes how far it is taken care of. */
  readonly reached: (offset: number) => void
}

interface Stream {
  /** Where the next read of it should start. */
  next: number
  /** Bytes that were read in order. */
  readonly run: { bytes: number; reads: number }
  ahead: number
}

/** Readers of one disk that are told apart: a copy in parts, and files that a guest reads at the same time. */
const mostStreams = 16

/** Requests in flight overtake one another by this much. */
const slackBytes = 2 ** 20

const leastReads = 3

/** Watches the reads of a disk; nothing further ahead than `maxAheadBytes` is asked for. */
export function readStreams(sizeBytes: number, maxAheadBytes: number): ReadStreams {
  // In the order of their last read.
  const streams: Stream[] = []
  return {
    note: (offset, length) => {
      const end = offset + length
      const at = streams.findIndex(({ next }) => Math.abs(offset - next) <= Math.min(slackBytes, length * 8))
      const [known] = at < 0 ? [] : streams.splice(at, 1)
      const stream = known ?? { next: offset, run: { bytes: 0, reads: 0 }, ahead: 0 }
      streams.push(stream)
      if (streams.length > mostStreams) streams.shift()
      if (end <= stream.next) return undefined
      stream.run.bytes += end - stream.next
      stream.run.reads++
      stream.next = end
      stream.ahead = Math.max(stream.ahead, end)
      if (stream.run.reads < leastReads) return undefined
      const limit = Math.min(sizeBytes, end + Math.min(stream.run.bytes, maxAheadBytes))
      if (stream.ahead >= limit) return undefined
      return {
        offset: stream.ahead,
        end: limit,
        reached: (to) => {
          stream.ahead = Math.max(stream.ahead, to)
        },
      }
    },
  }
}
