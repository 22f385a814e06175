import type { Extent } from '@holdfast/core'

/** A disk whose every byte can be had at any time, without being stored anywhere. */
export interface DiskImage {
  readonly sizeBytes: number
  /** Fills the whole of `into` with the disk's bytes from `offset`; `into` may be shared memory. */
  readonly fillRange: (offset: number, into: Uint8Array) => void
  /** Yields data and unallocated extents in ascending order, together the whole disk. */
  readonly extents: () => Iterable<Extent>
}

/** Makes an image of bytes held in memory; runs of zeros become unallocated extents. */
export function imageOf(bytes: Uint8Array, granularityBytes = 4096): DiskImage {
  return {
    sizeBytes: bytes.length,
    fillRange: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
    extents: () =>
      mergeExtents(
        pieces(bytes.length, granularityBytes, (offset, length) =>
          bytes.subarray(offset, offset + length).every((byte) => byte === 0) ? 'unallocated' : 'data',
        ),
      ),
  }
}

/** Reads a whole image into memory; for small ones. */
export function readImage(image: DiskImage): Uint8Array {
  const bytes = new Uint8Array(image.sizeBytes)
  image.fillRange(0, bytes)
  return bytes
}

/** Joins neighbours of one kind. */
export function* mergeExtents(extents: Iterable<Extent>): Generator<Extent> {
  let open: Extent | undefined
  for (const extent of extents) {
    if (open !== undefined && open.kind === extent.kind && open.offset + open.length === extent.offset) {
      open = { ...open, length: open.length + extent.length }
      continue
    }
    if (open !== undefined) yield open
    open = extent
  }
  if (open !== undefined) yield open
}

/** Cuts `sizeBytes` into aligned pieces, each with the kind that `kindOf` gives. */
export function* pieces(
  sizeBytes: number,
  pieceBytes: number,
  kindOf: (offset: number, length: number) => Extent['kind'],
): Generator<Extent> {
  for (let offset = 0; offset < sizeBytes; offset += pieceBytes) {
    const length = Math.min(pieceBytes, sizeBytes - offset)
    yield { offset, length, kind: kindOf(offset, length) }
  }
}
