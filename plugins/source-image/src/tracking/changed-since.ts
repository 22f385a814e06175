import type { ByteRange } from '@holdfast/formats'

/** What of a disk may differ from an earlier capture, or why nobody can tell. */
export type ChangedSince = KnownChanges | { readonly known: false; readonly reason: string }

/** Everything that may differ: what the newest layers hold, and some ranges. */
export interface KnownChanges {
  readonly known: true
  /** A sentence for people: from what it is known. */
  readonly reason: string
  /** Layers, counted from the image itself down, that came after the earlier capture. */
  readonly newLayers: number
  /** Yields ranges in ascending order without overlap, within the disk. */
  readonly ranges: () => Iterable<ByteRange> | AsyncIterable<ByteRange>
}

/** Says why changes are not known. */
export function unknownChanges(reason: string): ChangedSince {
  return { known: false, reason }
}
