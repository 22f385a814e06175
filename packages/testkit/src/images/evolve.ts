import type { Extent } from '@holdfast/core'
import { type DiskImage, mergeExtents } from './disk-image.js'
import { percent, seededImage, segmentBytes } from './seeded-image.js'
import { mix } from './seeded-random.js'

/** An image some time later, and where it differs. */
export interface EvolvedImage {
  readonly image: DiskImage
  /** Every range that may differ, ascending; `unallocated` where data was dropped. */
  readonly changed: readonly Extent[]
}

/**
 * Changes about `changePercent` of an image's data, in scattered segments.
 *
 * One change in eight drops a segment instead, so that it reads as zeros.
 */
export function evolve(image: DiskImage, changePercent: number, seed: number): EvolvedImage {
  const noise = seededImage(image.sizeBytes, mix(seed, 77), { usedPercent: 100, repeatedPercent: 0 })
  const fate = new Map<number, 'data' | 'unallocated'>()
  for (const extent of image.extents()) {
    if (extent.kind !== 'data') continue
    const last = Math.ceil((extent.offset + extent.length) / segmentBytes)
    for (let segment = Math.floor(extent.offset / segmentBytes); segment < last; segment++) {
      if (percent(mix(seed, segment, 6)) >= changePercent) continue
      fate.set(segment, mix(seed, segment, 7) % 8 === 0 ? 'unallocated' : 'data')
    }
  }
  const changed = [...fate].sort(([a], [b]) => a - b).map(([segment, kind]) => segmentExtent(image, segment, kind))
  return {
    changed: [...mergeExtents(changed)],
    image: {
      sizeBytes: image.sizeBytes,
      fillRange: (offset, into) => {
        image.fillRange(offset, into)
        for (
          let segment = Math.floor(offset / segmentBytes);
          segment * segmentBytes < offset + into.length;
          segment++
        ) {
          const kind = fate.get(segment)
          if (kind === undefined) continue
          const from = Math.max(offset, segment * segmentBytes)
          const part = into.subarray(from - offset, Math.min(into.length, (segment + 1) * segmentBytes - offset))
          if (kind === 'data') noise.fillRange(from, part)
          else part.fill(0)
        }
      },
      extents: () => mergeExtents(withFates(image, fate)),
    },
  }
}

function* withFates(image: DiskImage, fate: ReadonlyMap<number, 'data' | 'unallocated'>): Generator<Extent> {
  for (const extent of image.extents()) {
    const end = extent.offset + extent.length
    for (let offset = extent.offset; offset < end; ) {
      const segment = Math.floor(offset / segmentBytes)
      const length = Math.min(end, (segment + 1) * segmentBytes) - offset
      yield { offset, length, kind: fate.get(segment) ?? extent.kind }
      offset += length
    }
  }
}

function segmentExtent(image: DiskImage, segment: number, kind: 'data' | 'unallocated'): Extent {
  const offset = segment * segmentBytes
  return { offset, length: Math.min(segmentBytes, image.sizeBytes - offset), kind }
}
