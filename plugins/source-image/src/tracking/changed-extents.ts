import { setImmediate } from 'node:timers/promises'
import type { ByteRange } from '@holdfast/formats'
import type { DiskContent, LayeredExtent } from '../disks/disk-content.js'
import type { KnownChanges } from './changed-since.js'

// Ranges are looked up in memory: so many of them keep the event loop free.
const rangesAtOnce = 256

/** Yields the extents of what may have changed, in ascending order: zeros too, since they may have come to cover data. */
export async function* changedExtents(
  content: Pick<DiskContent, 'extents' | 'sizeBytes'>,
  { newLayers, ranges }: Pick<KnownChanges, 'newLayers' | 'ranges'>,
  signal: AbortSignal,
): AsyncGenerator<LayeredExtent, void, undefined> {
  if (newLayers > 0) return yield* newOrInRanges(content, newLayers, ranges(), signal)
  let count = 0
  for await (const range of ranges()) {
    yield* content.extents(range, signal)
    count += 1
    if (count % rangesAtOnce === 0) await setImmediate()
  }
}

/** Walks the whole disk: extents of new layers count whole, others as far as they are within the ranges. */
async function* newOrInRanges(
  { extents, sizeBytes }: Pick<DiskContent, 'extents' | 'sizeBytes'>,
  newLayers: number,
  ranges: Iterable<ByteRange> | AsyncIterable<ByteRange>,
  signal: AbortSignal,
): AsyncGenerator<LayeredExtent, void, undefined> {
  const cursor = rangeCursor(ranges)
  for await (const extent of extents({ offset: 0, length: sizeBytes }, signal)) {
    if ((extent.depth ?? 0) < newLayers) yield extent
    else yield* cursor.within(extent)
  }
}

/** Cuts ascending extents down to ascending ranges. */
function rangeCursor(ranges: Iterable<ByteRange> | AsyncIterable<ByteRange>) {
  const following = (async function* () {
    yield* ranges
  })()
  let current: ByteRange | undefined
  let isOver = false
  const advance = async () => {
    const next = await following.next()
    isOver = next.done === true
    current = next.done === true ? undefined : next.value
  }
  return {
    within: async function* (extent: LayeredExtent): AsyncGenerator<LayeredExtent, void, undefined> {
      const end = extent.offset + extent.length
      while (!isOver) {
        if (current !== undefined) {
          const from = Math.max(extent.offset, current.offset)
          const to = Math.min(end, current.offset + current.length)
          if (from < to) yield { ...extent, offset: from, length: to - from }
          if (current.offset + current.length > end) return
        }
        await advance()
      }
    },
  }
}
