import { sectorBytes } from './layout.js'

/** Cylinders, heads and sectors per track, as an ATA disk reports them. */
export interface Geometry {
  readonly cylinders: number
  readonly heads: number
  readonly sectorsPerTrack: number
}

const most = { cylinders: 65_535, heads: 16, sectorsPerTrack: 255 }
const mostSectors = most.cylinders * most.heads * most.sectorsPerTrack

/** Size of a disk with that geometry. */
export function geometryBytes({ cylinders, heads, sectorsPerTrack }: Geometry): number {
  return cylinders * heads * sectorsPerTrack * sectorBytes
}

/** Tells whether a geometry is the largest there is, and so says nothing about the size of the disk. */
export function isLargestGeometry(geometry: Geometry): boolean {
  return geometryBytes(geometry) === mostSectors * sectorBytes
}

/** The geometry of a disk of that size, which it rounds down to (Appendix: CHS Calculation). */
export function geometryOf(sizeBytes: number): Geometry {
  const sectors = Math.min(Math.floor(sizeBytes / sectorBytes), mostSectors)
  const of = (sectorsPerTrack: number, heads: number): Geometry => ({
    cylinders: Math.floor(Math.floor(sectors / sectorsPerTrack) / heads),
    heads,
    sectorsPerTrack,
  })
  // Up to 65,535 cylinders of 16 heads with 63 sectors; beyond that tracks of 255.
  if (sectors >= 65_535 * 16 * 63) return of(most.sectorsPerTrack, most.heads)
  // Older BIOSes know 1,024 cylinders: the shortest track that keeps to them is taken.
  const tracks = Math.floor(sectors / 17)
  const heads = Math.max(4, Math.ceil(tracks / 1024))
  if (tracks < heads * 1024 && heads <= 16) return of(17, heads)
  return Math.floor(sectors / 31) < 16 * 1024 ? of(31, 16) : of(63, 16)
}
