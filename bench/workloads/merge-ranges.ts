import type { ByteRange } from './units.ts'

/** Sorts ranges and joins those that touch or overlap, as a hypervisor's changed-block query returns them. */
export function mergeRanges(ranges: Iterable<ByteRange>): ByteRange[] {
  const sorted = [...ranges].sort((left, right) => left[0] - right[0])
  const merged: ByteRange[] = []
  for (const [offset, length] of sorted) {
    const last = merged.at(-1)
    if (last !== undefined && offset <= last[0] + last[1]) {
      merged[merged.length - 1] = [last[0], Math.max(last[1], offset + length - last[0])]
    } else {
      merged.push([offset, length])
    }
  }
  return merged
}
