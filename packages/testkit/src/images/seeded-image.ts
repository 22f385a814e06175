import { type DiskImage, mergeExtents, pieces } from './disk-image.js'
import { fillSeeded, mix } from './seeded-random.js'

/** Unit in which a seeded image is allocated, filled and changed. */
export const segmentBytes = 64 * 1024

/** What a seeded image holds. */
export interface FillPattern {
  /** Share of the disk that holds data. @defaultValue `55` */
  readonly usedPercent?: number
  /** Share of the data that is text and compresses well; the rest is noise. @defaultValue `50` */
  readonly compressiblePercent?: number
  /** Share of the data that repeats other data of the image, for dedupe. @defaultValue `10` */
  readonly repeatedPercent?: number
}

/** A segment's content: `undefined` for a hole, else the seed that it is filled from. */
export type SegmentSeed = (segment: number) => { readonly seed: number; readonly text: boolean } | undefined

/** Makes a sparse disk whose content is fixed by seed, size and pattern, and computed when read. */
export function seededImage(sizeBytes: number, seed: number, pattern: FillPattern = {}): DiskImage {
  return imageOfSegments(sizeBytes, seededSegments(seed, pattern))
}

/** Tells what each segment of a seeded image holds. */
function seededSegments(seed: number, pattern: FillPattern = {}): SegmentSeed {
  const { usedPercent = 55, compressiblePercent = 50, repeatedPercent = 10 } = pattern
  return (segment) => {
    if (percent(mix(seed, segment, 1)) >= usedPercent) return undefined
    const repeats = percent(mix(seed, segment, 2)) < repeatedPercent
    const identity = repeats ? mix(seed, 3) % 16 : segment + 16
    return { seed: mix(seed, identity, 4), text: percent(mix(seed, identity, 5)) < compressiblePercent }
  }
}

/** Makes an image of segments that are each filled from a seed. */
export function imageOfSegments(sizeBytes: number, segmentSeed: SegmentSeed): DiskImage {
  const scratch = new Uint8Array(segmentBytes)
  let cached = -1
  const load = (segment: number): Uint8Array => {
    if (segment === cached) return scratch
    const content = segmentSeed(segment)
    if (content === undefined) scratch.fill(0)
    else if (content.text) fillText(scratch, content.seed)
    else fillSeeded(scratch, content.seed)
    cached = segment
    return scratch
  }
  return {
    sizeBytes,
    fillRange: (offset, into) => {
      for (let done = 0; done < into.length; ) {
        const segment = Math.floor((offset + done) / segmentBytes)
        const from = offset + done - segment * segmentBytes
        const length = Math.min(segmentBytes - from, into.length - done)
        into.set(load(segment).subarray(from, from + length), done)
        done += length
      }
    },
    extents: () =>
      mergeExtents(
        pieces(sizeBytes, segmentBytes, (offset) =>
          segmentSeed(offset / segmentBytes) === undefined ? 'unallocated' : 'data',
        ),
      ),
  }
}

const words = ['backup', 'machine', 'snapshot', 'kernel', 'volume', 'restore', 'server', 'database', 'index', 'journal']

function fillText(into: Uint8Array, seed: number): void {
  const encoder = new TextEncoder()
  const line = Array.from({ length: 400 }, (_, at) => words[mix(seed, at) % words.length] ?? '').join(' ')
  const text = encoder.encode(`${line}\n`)
  for (let at = 0; at < into.length; at += text.length) {
    into.set(text.subarray(0, Math.min(text.length, into.length - at)), at)
  }
}

/** Maps a hash to 0 … 99.99. */
export function percent(hash: number): number {
  return (hash % 10_000) / 100
}
