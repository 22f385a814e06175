import type { ByteStore } from '../bytes/byte-source.js'
import type { ImageWriter } from '../image/image-writer.js'
import type { HostClusters } from './host-clusters.js'
import type { TableWriter } from './table-writer.js'
import type { Qcow2Backing, Qcow2WriterOptions, WriterGeometry } from './writer-options.js'

/** What writes the clusters of a disk: plainly or compressed. */
export interface ClusterWriter extends Pick<ImageWriter, 'order' | 'write' | 'zero'> {
  /** Writes what is held back and can be written. */
  readonly flush: () => Promise<void>
  /** Writes all that is held back. Called once. */
  readonly finish: () => Promise<void>
}

/** What writers of clusters are made of. */
export interface WriterParts {
  readonly store: ByteStore
  readonly options: Qcow2WriterOptions
  readonly sizes: WriterGeometry
  readonly clusters: HostClusters
  readonly tables: TableWriter
}

/** A stretch of the disk that belongs to one L2 table. */
export interface TableSpan {
  readonly index: number
  /** Where the clusters of the table begin on the disk. */
  readonly first: number
  readonly from: number
  readonly to: number
}

/** Cuts a range of the disk at the borders of L2 tables. */
export function* tableSpans(
  offset: number,
  length: number,
  { l1SpanBytes }: WriterGeometry,
): Generator<TableSpan, void, undefined> {
  for (let from = offset; from < offset + length; ) {
    const index = Math.floor(from / l1SpanBytes)
    const first = index * l1SpanBytes
    const to = Math.min(offset + length, first + l1SpanBytes)
    yield { index, first, from, to }
    from = to
  }
}

/** Reads the disk beneath; past its end there are zeros. */
export async function readBacking({ disk }: Qcow2Backing, offset: number, into: Uint8Array): Promise<void> {
  const known = Math.max(0, Math.min(into.byteLength, disk.sizeBytes - offset))
  if (known > 0) await disk.read(offset, into.subarray(0, known))
}
