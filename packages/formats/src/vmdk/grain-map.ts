import type { NamedSource } from '../bytes/byte-source.js'
import { corrupt } from '../image/image-error.js'

/** A table or grain that does not exist: the parent's bytes, or zeros. */
export const absentPlace = -1
/** A grain that reads as zeros, whatever a parent holds. */
export const zeroPlace = -2

/**
 * How a sparse extent finds its grains: a grain directory leads to grain tables, and those to grains.
 *
 * Hosted sparse extents, COWD and seSparse differ in nothing but these numbers and how an entry is read.
 */
export interface GrainMap {
  readonly file: NamedSource
  /** Bytes of the disk that the extent holds. */
  readonly sizeBytes: number
  readonly grainBytes: number
  /** Whether grains are compressed: a marker stands before each. */
  readonly packed: boolean
  readonly entriesPerTable: number
  readonly entryBytes: 4 | 8
  readonly directoryAt: number
  /** No table and no grain begins before this byte of the file: header and descriptor are there. */
  readonly dataFrom: number
  /** Reads an entry of the directory: byte of the file, or `absentPlace`. @throws ImageError `corrupt` */
  readonly tableAt: (entries: DataView, at: number) => number
  /** Reads an entry of a table: byte of the file, `absentPlace` or `zeroPlace`. @throws ImageError `corrupt` */
  readonly grainAt: (entries: DataView, at: number) => number
}

/** Sizes that follow from a map. */
export interface GrainCounts {
  readonly grains: number
  readonly tables: number
  readonly tableBytes: number
  /** Bytes of the disk that one table covers. */
  readonly coveredBytes: number
}

/** Counts grains and tables of a map. */
export function grainCounts(
  map: Pick<GrainMap, 'sizeBytes' | 'grainBytes' | 'entriesPerTable' | 'entryBytes'>,
): GrainCounts {
  const coveredBytes = map.grainBytes * map.entriesPerTable
  return {
    grains: Math.ceil(map.sizeBytes / map.grainBytes),
    tables: Math.ceil(map.sizeBytes / coveredBytes),
    tableBytes: map.entriesPerTable * map.entryBytes,
    coveredBytes,
  }
}

/** Bytes of the disk that a grain holds: the last one may end with the disk. */
export function grainLength({ sizeBytes, grainBytes }: GrainMap, grain: number): number {
  return Math.min(grainBytes, sizeBytes - grain * grainBytes)
}

/**
 * Reads the entry of a grain and checks that the grain lies within the file.
 *
 * @throws ImageError `corrupt`
 */
export function placeOfGrain(map: GrainMap, entries: DataView, at: number, grain: number): number {
  const place = map.grainAt(entries, at)
  if (place < 0) return place
  // How long a compressed grain is stands in its marker, which is read with it.
  const stored = map.packed ? 1 : grainLength(map, grain)
  const { name, source } = map.file
  if (place >= map.dataFrom && stored <= source.sizeBytes - place) return place
  throw corrupt(
    `grain ${grain} (byte ${grain * map.grainBytes} of the extent) at ${place} is not within the ${source.sizeBytes} bytes behind its header`,
    name,
    place,
  )
}
