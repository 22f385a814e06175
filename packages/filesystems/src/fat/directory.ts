import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { type AllocationTable, clusterOffset } from './allocation-table.js'
import type { FatGeometry } from './boot-sector.js'
import { entryReader, type FatEntry } from './directory-entries.js'

/** Where a directory is: in clusters, or in the region of the root. */
export type DirectoryPlace = FatGeometry['root']

/** What a directory is read from. */
export interface FatVolume {
  readonly reader: VolumeReader
  readonly geometry: FatGeometry
  readonly table: AllocationTable
}

/** A directory has 65 536 entries at most. */
const largestBytes = 2 * 2 ** 20
const batchBytes = 65_536

/** Yields what a directory holds, without `.` and `..`, the label of the volume too. @throws FilesystemError `damaged` */
export async function* readDirectory(
  volume: FatVolume,
  place: DirectoryPlace,
  path: string,
  options: CallOptions,
): AsyncIterable<FatEntry> {
  const entries = entryReader(volume.geometry.bits === 32)
  for await (const bytes of pieces(volume, place, path, options)) {
    options.signal.throwIfAborted()
    yield* entries.feed(bytes)
    if (entries.hasEnded()) return
  }
}

async function* pieces(
  { reader, geometry, table }: FatVolume,
  place: DirectoryPlace,
  path: string,
  options: CallOptions,
): AsyncIterable<Uint8Array> {
  if ('offset' in place) {
    yield await reader.structure(place.offset, place.length, 'the root directory', options)
    return
  }
  const { clusterBytes } = geometry
  const batch = Math.max(1, Math.floor(batchBytes / clusterBytes))
  let left = Math.ceil(largestBytes / clusterBytes)
  let cluster: number | undefined = place.cluster
  while (cluster !== undefined) {
    const run = await table.run(cluster, batch, options)
    left -= run.count
    if (left < 0) throw damaged(`the directory ${path} does not end; its chain of clusters may be a circle`, { path })
    const length = run.count * clusterBytes
    yield await reader.structure(clusterOffset(geometry, run.first), length, `the directory ${path}`, options)
    cluster = run.next
  }
}
