import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import type { FatGeometry } from './boot-sector.js'

/** Clusters side by side, and the cluster that follows them in their chain; absent at its end. */
export interface ClusterRun {
  readonly first: number
  readonly count: number
  readonly next?: number
}

/** The file allocation table: which cluster follows which. */
export interface AllocationTable {
  /** Follows a chain from a cluster on for as long as it goes straight ahead, at most for `limit` clusters. */
  readonly run: (first: number, limit: number, options: CallOptions) => Promise<ClusterRun>
  /** The raw entry of a cluster, or of the two numbers before the first. */
  readonly entry: (index: number, options: CallOptions) => Promise<number>
}

/** A table of FAT12 fits into one page, so that no entry lies across two. */
const pageBytes = 65_536

/** Reads the table page by page, as chains need it. @throws FilesystemError `damaged` */
export function allocationTable(reader: VolumeReader, geometry: FatGeometry): AllocationTable {
  const { bits, tableOffset, clusterCount } = geometry
  const perPage = Math.floor((pageBytes * 8) / bits)
  const tableBytes = Math.ceil(((clusterCount + 2) * bits) / 8)
  let page: { readonly index: number; readonly entries: DataView } | undefined

  const pageOf = async (index: number, options: CallOptions): Promise<DataView> => {
    if (page?.index === index) return page.entries
    const at = index * pageBytes
    const length = Math.min(pageBytes, tableBytes - at)
    const bytes = await reader.structure(tableOffset + at, length, 'the file allocation table', options)
    const entries = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    page = { index, entries }
    return entries
  }
  const entryIn = (entries: DataView, index: number): number => {
    if (bits === 32) return entries.getUint32(index * 4, true) & 0xfff_ffff
    if (bits === 16) return entries.getUint16(index * 2, true)
    const both = entries.getUint16(Math.floor((index * 3) / 2), true)
    return index % 2 === 0 ? both & 0xfff : both >> 4
  }
  const entry = async (index: number, options: CallOptions) =>
    entryIn(await pageOf(Math.floor(index / perPage), options), index % perPage)
  const endMark = 2 ** Math.min(bits, 28) - 8

  return {
    entry,
    run: async (first, limit, options) => {
      assertCluster(first, geometry)
      let last = first
      for (;;) {
        const index = Math.floor(last / perPage)
        const entries = await pageOf(index, options)
        // Within a page nothing is awaited: a chain may have millions of clusters.
        do {
          const next = entryIn(entries, last % perPage)
          if (next >= endMark) return { first, count: last - first + 1 }
          assertCluster(next, geometry)
          if (next !== last + 1 || last - first + 1 >= limit) return { first, count: last - first + 1, next }
          last = next
        } while (last % perPage !== 0)
      }
    },
  }
}

/** Byte in the volume where a cluster begins. */
export function clusterOffset({ dataOffset, clusterBytes }: FatGeometry, cluster: number): number {
  return dataOffset + (cluster - 2) * clusterBytes
}

function assertCluster(cluster: number, { clusterCount }: FatGeometry): void {
  if (cluster < 2 || cluster >= clusterCount + 2)
    throw damaged(`a chain leads to cluster ${cluster}, which is free, bad or not one of the ${clusterCount} there are`)
}
