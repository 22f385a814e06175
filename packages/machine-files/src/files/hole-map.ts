import { setImmediate } from 'node:timers/promises'
import type { Extent } from '@holdfast/core'
import type { ByteRange } from '@holdfast/formats'
import type { HoleSeeker } from './hole-seeker.js'

/** What walking a file's holes needs. */
export interface HoleWalk {
  readonly seeker: HoleSeeker | undefined
  /** Returns the open file; throws once it is closed, so that no later file of that number is asked instead. */
  readonly fd: () => number
  readonly signal?: AbortSignal
}

// A seek takes well below a microsecond on a local disk: 256 of them keep the event loop free.
const seeksAtOnce = 256

/** Yields data and holes of each range in ascending order; together they cover the ranges exactly. */
export async function* walkHoles(
  ranges: Iterable<ByteRange>,
  { seeker, fd, signal }: HoleWalk,
): AsyncGenerator<Extent, void, undefined> {
  let seeks = 0
  for (const range of ranges) {
    const end = range.offset + range.length
    let at = range.offset
    while (at < end) {
      signal?.throwIfAborted()
      const data = nextDataRange(seeker, fd(), at, end)
      if (data.offset > at) yield { offset: at, length: data.offset - at, kind: 'unallocated' }
      if (data.length > 0) yield { ...data, kind: 'data' }
      at = data.offset + data.length
      seeks += 1
      if (seeks % seeksAtOnce === 0) await setImmediate()
    }
  }
}

/** Finds the first data in `[from, to)`, at `to` and empty when there is none; what cannot be told counts as data. */
function nextDataRange(seeker: HoleSeeker | undefined, fd: number, from: number, to: number): ByteRange {
  const rest = { offset: from, length: to - from }
  const start = seeker?.nextData(fd, from) ?? 'unknown'
  if (start === 'none') return { offset: to, length: 0 }
  if (start === 'unknown' || start < from) return rest
  if (start >= to) return { offset: to, length: 0 }
  const hole = seeker?.nextHole(fd, start) ?? 'unknown'
  const end = typeof hole === 'number' && hole > start ? Math.min(hole, to) : to
  return { offset: start, length: end - start }
}
