import { corrupt } from '../image/image-error.js'

/** Sizes that follow from the size of a cluster (spec: Cluster mapping, Extended L2 Entries). */
export interface Geometry {
  readonly clusterBits: number
  readonly clusterBytes: number
  readonly extendedL2: boolean
  readonly l2EntryBytes: number
  /** Entries of one L2 table, which is one cluster. */
  readonly l2Entries: number
  /** What one entry of the L1 table stands for. */
  readonly l1SpanBytes: number
}

/** Clusters of 512 bytes to 2 MiB (spec: Header, cluster_bits). */
export const clusterBitsLimit = { least: 9, most: 21, leastExtended: 14 } as const

/** Subclusters of a cluster in images with extended L2 entries. */
export const subclusters = 32

/** Derives the sizes. @throws ImageError `corrupt` */
export function geometry(clusterBits: number, extendedL2: boolean, file: string): Geometry {
  if (extendedL2 && clusterBits < clusterBitsLimit.leastExtended)
    throw corrupt(`clusters of 2^${clusterBits} bytes are too small for extended L2 entries`, file)
  const clusterBytes = 2 ** clusterBits
  const l2EntryBytes = extendedL2 ? 16 : 8
  const l2Entries = clusterBytes / l2EntryBytes
  return { clusterBits, clusterBytes, extendedL2, l2EntryBytes, l2Entries, l1SpanBytes: l2Entries * clusterBytes }
}

/** Rounds a length up to whole clusters. */
export function wholeClusters(length: number, { clusterBytes }: Pick<Geometry, 'clusterBytes'>): number {
  return Math.ceil(length / clusterBytes) * clusterBytes
}
