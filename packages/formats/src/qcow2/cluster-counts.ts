import { allocate } from '../bytes/allocate.js'

/** Two refcounts for each cluster of a stretch of the file: what refers to it, and what the image says does. */
export interface ClusterCounts {
  /** The first cluster of the stretch, and how many it has. */
  readonly first: number
  readonly length: number
  readonly used: Uint16Array
  readonly stated: Uint16Array
  /** Index of the cluster at a place in the file, where it is within the stretch. */
  readonly indexOf: (offset: number) => number | undefined
  /** Counts `times` references to each cluster that a range of the file touches. */
  readonly use: (offset: number, length: number, times: number) => void
}

/** Counts stop here: nobody takes 65,535 snapshots. */
export const countLimit = 0xffff

/** Makes counts of zero. @throws ImageError `limit` for more clusters than memory is given for */
export function clusterCounts(first: number, length: number, clusterBytes: number, file: string): ClusterCounts {
  const used = counters(length, file)
  return {
    first,
    length,
    used,
    stated: counters(length, file),
    indexOf: (offset) => {
      const index = Math.floor(offset / clusterBytes) - first
      return index >= 0 && index < length ? index : undefined
    },
    use: (offset, bytes, times) => {
      if (bytes === 0) return
      const from = Math.max(0, Math.floor(offset / clusterBytes) - first)
      const last = Math.min(length - 1, Math.floor((offset + bytes - 1) / clusterBytes) - first)
      for (let index = from; index <= last; index++) addTimes(used, index, times)
    },
  }
}

/** Makes 16-bit counters of zero. */
export function counters(length: number, file: string): Uint16Array {
  return new Uint16Array(allocate(length * Uint16Array.BYTES_PER_ELEMENT, 'reference counts', file).buffer)
}

/** Adds to a counter, which stops at the limit. */
export function addTimes(counts: Uint16Array, index: number, times: number): void {
  counts[index] = Math.min(countLimit, (counts[index] ?? 0) + times)
}
