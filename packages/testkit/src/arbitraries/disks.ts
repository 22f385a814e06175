import type { Extent, ExtentKind } from '@holdfast/core'
import fc from 'fast-check'
import { seededBytes } from '../images/seeded-random.js'

/** A disk's bytes and the extents that describe it. */
export interface SparseDisk {
  readonly bytes: Uint8Array
  /** Ascending, without overlap; gaps are unallocated. */
  readonly extents: readonly Extent[]
}

/** Generates extents of a disk: ascending, without overlap, with and without gaps. */
export function extents(
  sizeBytes: number,
  kinds: readonly ExtentKind[] = ['data', 'zero', 'unallocated'],
): fc.Arbitrary<Extent[]> {
  const cut = fc.record({ offset: fc.nat(sizeBytes), keep: fc.boolean(), kind: fc.constantFrom(...kinds) })
  return fc.array(cut, { maxLength: 24 }).map((cuts) => {
    const sorted = [...cuts].sort((a, b) => a.offset - b.offset)
    return sorted.flatMap(({ offset, keep, kind }, at) => {
      const length = (sorted[at + 1]?.offset ?? sizeBytes) - offset
      return keep && length > 0 ? [{ offset, length, kind }] : []
    })
  })
}

/** Generates small sparse disks whose bytes agree with their extents. */
export function sparseDisk(maxSizeBytes = 200_000): fc.Arbitrary<SparseDisk> {
  return fc
    .integer({ min: 1, max: maxSizeBytes })
    .chain((sizeBytes) => fc.tuple(fc.constant(sizeBytes), extents(sizeBytes), fc.nat()))
    .map(([sizeBytes, found, seed]) => {
      const bytes = new Uint8Array(sizeBytes)
      for (const { offset, length, kind } of found) {
        if (kind === 'data') bytes.set(seededBytes(length, seed + offset), offset)
      }
      return { bytes, extents: found }
    })
}

/** Generates ranges that lie inside something of `sizeBytes`, not empty. */
export function ranges(sizeBytes: number): fc.Arbitrary<{ readonly offset: number; readonly length: number }> {
  return fc
    .nat(sizeBytes - 1)
    .chain((offset) =>
      fc.record({ offset: fc.constant(offset), length: fc.integer({ min: 1, max: sizeBytes - offset }) }),
    )
}
