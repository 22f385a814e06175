import { toHex } from '../repository/bytes.js'
import type { ChunkIndex } from '../repository/chunk-index.js'
import { packKey } from '../repository/layout.js'
import type { ChunkPlaces, PackNeed } from './chunk-places.js'
import type { PlacedFrameChunk } from './contiguous-runs.js'
import type { WantedFrame } from './fetch-frame.js'
import { maxStretchBytes, type Stretch } from './read-ahead.js'

/** A frame with places for its chunks. */
export interface PlacedFrame extends WantedFrame {
  /** Number of the first disk that needs it. */
  readonly disk: number
  readonly places: Iterable<PlacedFrameChunk>
}

/** Part of a pack from the first frame that is wanted to the last. */
export interface PackStretch extends Stretch {
  readonly need: PackNeed
  readonly frames: readonly [PlacedFrame, ...PlacedFrame[]]
}

/** Cuts packs into what is read at once: nearly always it is all that is wanted of a pack. */
export function* packStretches(
  places: ChunkPlaces,
  index: ChunkIndex,
  maxBytes: number = maxStretchBytes,
): Generator<PackStretch> {
  for (const { need, from, end } of places.packs) {
    let open: [PlacedFrame, ...PlacedFrame[]] | undefined
    for (const frame of placedFrames(places, from, end, index)) {
      if (open !== undefined && endOf(frame) - open[0].frameOffset > maxBytes) {
        yield stretchOf(need, open, maxBytes)
        open = undefined
      }
      if (open === undefined) open = [frame]
      else open.push(frame)
    }
    if (open !== undefined) yield stretchOf(need, open, maxBytes)
  }
}

function stretchOf(need: PackNeed, frames: PackStretch['frames'], maxBytes: number): PackStretch {
  const offset = frames[0].frameOffset
  const end = frames.reduce((latest, frame) => Math.max(latest, endOf(frame)), 0)
  // A frame that is said to be larger than any may be is refused by who fetches it.
  return { key: packKey(need.pack.id), offset, length: Math.min(end - offset, maxBytes), need, frames }
}

function endOf({ frameOffset, frameBytes }: WantedFrame): number {
  return frameOffset + frameBytes
}

/** Groups the places of one pack by frame, in storage order. */
function* placedFrames(places: ChunkPlaces, from: number, end: number, index: ChunkIndex): Generator<PlacedFrame> {
  const frameOffsets = new Uint32Array(end - from)
  for (let at = from; at < end; at++) frameOffsets[at - from] = recordAt(places, at, index).frameOffset
  const offsetAt = (at: number): number => frameOffsets[at - from] ?? 0
  // The sort is stable: within a frame, places stay in order of disk and offset.
  const order = Uint32Array.from(frameOffsets, (_, i) => from + i).sort((a, b) => offsetAt(a) - offsetAt(b))
  for (let first = 0; first < order.length; ) {
    const at = order[first] ?? 0
    let next = first + 1
    while (next < order.length && offsetAt(order[next] ?? 0) === offsetAt(at)) next++
    const { packInfo: pack, frameOffset, frameBytes, plainOffset } = recordAt(places, at, index)
    yield {
      pack,
      frameOffset,
      frameBytes,
      pageAt: plainOffset,
      disk: places.disks[at] ?? 0,
      places: placedChunks(places, order.subarray(first, next), index),
    }
    first = next
  }
}

function* placedChunks(places: ChunkPlaces, order: Uint32Array, index: ChunkIndex): Generator<PlacedFrameChunk> {
  for (const at of order) {
    const { id, plainOffset, plainBytes: length } = recordAt(places, at, index)
    yield { id: toHex(id), plainOffset, length, disk: places.disks[at] ?? 0, diskOffset: places.offsets[at] ?? 0 }
  }
}

function recordAt({ chunks }: ChunkPlaces, at: number, index: ChunkIndex) {
  const record = index.recordOf(chunks[at] ?? 0)
  if (record === undefined) throw new RangeError(`the index has no record ${chunks[at]}`)
  return record
}
