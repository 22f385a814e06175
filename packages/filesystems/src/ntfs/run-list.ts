import { damaged, type Place } from '../filesystem-error.js'
import type { StoredContent } from './attribute.js'

/** Clusters of an attribute that lie side by side on the volume. */
export interface ClusterRun {
  /** Cluster of the attribute. */
  readonly start: number
  readonly count: number
  /** Cluster of the volume; absent in a hole. */
  readonly cluster?: number
}

/** No volume has more. */
const mostClusters = 2 ** 53

/**
 * Decodes the runs of a part of an attribute.
 *
 * Each is a byte with the lengths of two numbers, then how many clusters it has, and how far it lies from the run before.
 *
 * @throws FilesystemError `damaged`, also when they are not as many clusters as the part claims
 */
export function* decodeRuns(
  { pairs, firstCluster, endCluster }: Pick<StoredContent, 'pairs' | 'firstCluster' | 'endCluster'>,
  volumeClusters: number,
  place: Place,
): Generator<ClusterRun, void, undefined> {
  let cluster = 0
  let start = firstCluster
  for (let at = 0; start < endCluster; ) {
    const lengths = pairs[at] ?? 0
    const countBytes = lengths & 0xf
    const moveBytes = lengths >>> 4
    const next = at + 1 + countBytes + moveBytes
    if (countBytes < 1 || countBytes > 8 || moveBytes > 8 || next > pairs.byteLength)
      throw damaged(`the runs of an attribute end at its cluster ${start} of ${endCluster}`, place)
    const count = signedNumber(pairs, at + 1, countBytes)
    if (count < 1 || count > endCluster - start || start + count > mostClusters)
      throw damaged(`an attribute has a run of ${count} clusters`, place)
    if (moveBytes === 0) yield { start, count }
    else {
      cluster += signedNumber(pairs, at + 1 + countBytes, moveBytes)
      if (cluster < 0 || cluster + count > volumeClusters)
        throw damaged(`an attribute has ${count} clusters at ${cluster}, outside of the volume`, place)
      yield { start, count, cluster }
    }
    start += count
    at = next
  }
}

/** A signed number in little-endian order; what is beyond any volume need not be exact. */
function signedNumber(bytes: Uint8Array, at: number, length: number): number {
  let value = ((bytes[at + length - 1] ?? 0) << 24) >> 24
  for (let index = length - 2; index >= 0; index--) value = value * 256 + (bytes[at + index] ?? 0)
  return value
}
