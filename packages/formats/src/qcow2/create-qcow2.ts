import type { ByteStore } from '../bytes/byte-source.js'
import type { ImageWriter } from '../image/image-writer.js'
import { withinDisk } from '../image/within-disk.js'
import { encodeHeader } from './encode-header.js'
import { hostClusters } from './host-clusters.js'
import { packedClusters } from './packed-clusters.js'
import { plainClusters } from './plain-clusters.js'
import { tableWriter } from './table-writer.js'
import { type Qcow2WriterOptions, writerGeometry } from './writer-options.js'

/**
 * Begins a qcow2 image of version 3.
 *
 * Clusters are appended in the order in which they are first written; refcounts and the header come last, so a file that
 * was not closed is no image. Memory stays below 32 MiB, whatever the size of the disk, but for what is being written.
 * @throws ImageError `unsupported`, `limit`
 */
export async function createQcow2(store: ByteStore, options: Qcow2WriterOptions): Promise<ImageWriter> {
  const sizes = writerGeometry(options)
  // Tells now, not after a long copy, that the name of the backing file does not fit.
  encodeHeader(options, sizes, { l1Offset: 0, refcountTable: { offset: 0, clusters: 0 } })
  const clusters = hostClusters(store, sizes.clusterBytes)
  const headerOffset = clusters.take(1)
  const tables = tableWriter(store, clusters, sizes)
  const parts = { store, options, sizes, clusters, tables }
  const { compression } = options
  const writer = compression === undefined ? plainClusters(parts) : packedClusters(parts, compression)
  return withinDisk({
    format: 'qcow2',
    variant: 'v3',
    sizeBytes: options.sizeBytes,
    order: writer.order,
    unitBytes: sizes.clusterBytes,
    write: writer.write,
    zero: writer.zero,
    flush: async () => {
      await writer.flush()
      await tables.flush()
    },
    close: async () => {
      await writer.finish()
      await tables.flush()
      const refcountTable = await clusters.finish()
      await store.write(headerOffset, encodeHeader(options, sizes, { l1Offset: tables.l1Offset, refcountTable }))
    },
  })
}
