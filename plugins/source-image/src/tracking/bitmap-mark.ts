import type { ImageBitmap } from '@holdfast/formats'
import { printable } from '../printable.js'

/** What is remembered of a bitmap, to see later that it still records since then. */
export interface BitmapMark {
  readonly name: string
  readonly granularityBytes: number
  readonly dirtyBytes: number
  /** Some of its dirty areas, each as its number on the disk, ascending: they can only vanish when it is cleared. */
  readonly places: readonly number[]
}

/** Most places that are remembered. */
export const mostPlaces = 32

/** Measures a bitmap, and picks places that are spread evenly over what it has dirty. */
export async function markBitmap({ name, granularityBytes, dirty }: ImageBitmap): Promise<BitmapMark> {
  let dirtyBytes = 0
  let places: number[] = []
  let seen = 0
  let stride = 1
  for await (const { offset, length } of dirty()) {
    dirtyBytes += length
    const first = Math.floor(offset / granularityBytes)
    const count = Math.ceil((offset + length) / granularityBytes) - first
    // Every area whose number among the dirty ones is a multiple of the stride.
    for (let next = places.length * stride; next < seen + count; next = places.length * stride) {
      places.push(first + next - seen)
      if (places.length <= mostPlaces) continue
      places = places.filter((_, at) => at % 2 === 0)
      stride *= 2
    }
    seen += count
  }
  return { name, granularityBytes, dirtyBytes, places }
}

/** What has become of a bitmap since it was marked. */
export type BitmapOutcome =
  | { readonly counts: true; readonly dirtyBytes: number }
  | { readonly counts: false; readonly reason: string }

/** Tells whether a bitmap has recorded all along since it was marked: then all that changed is dirty in it. */
export async function compareBitmap(bitmap: ImageBitmap | undefined, mark: BitmapMark): Promise<BitmapOutcome> {
  const no = (problem: string): BitmapOutcome => ({
    counts: false,
    reason: `bitmap '${printable(mark.name)}' ${problem}`,
  })
  if (bitmap === undefined) return no('is gone')
  if (!bitmap.usable) return no('was not closed properly or does not record')
  if (bitmap.granularityBytes !== mark.granularityBytes) return no('has another granularity')
  let dirtyBytes = 0
  let found = 0
  for await (const { offset, length } of bitmap.dirty()) {
    dirtyBytes += length
    const end = offset + length
    for (let place = mark.places[found]; place !== undefined; place = mark.places[found]) {
      const at = place * mark.granularityBytes
      if (at < offset || at >= end) break
      found += 1
    }
  }
  if (dirtyBytes < mark.dirtyBytes || found < mark.places.length) return no('was cleared')
  return { counts: true, dirtyBytes }
}
