import { partSource } from './bytes/part-source.js'
import type { ByteSource } from './filesystem.js'
import { type FilesystemError, isFilesystemError } from './filesystem-error.js'
import type { Partition, PartitionOptions } from './partitions/partition.js'
import { hasPartitions, partitionsOf } from './partitions/partitions.js'
import { type Recognised, recognise } from './recognise.js'

/** A part of a disk that may hold a file system: a partition, or all of it. */
export interface Volume {
  /** Absent when the volume is the whole disk. */
  readonly partition?: Partition
  /** What it holds; `problem` where that could not be found out, as it lies outside of the disk. */
  readonly content: Recognised | { readonly is: 'problem'; readonly error: FilesystemError }
  /** Gives the bytes of the volume. @throws FilesystemError `damaged` when it lies outside of the disk */
  readonly source: () => ByteSource
}

/**
 * Lists the volumes of a disk: its partitions each with what it holds, or the disk itself where it has no partitions.
 *
 * @throws FilesystemError `damaged` for a damaged partition table, `limit`, `read`
 */
export async function volumesOf(disk: ByteSource, options: PartitionOptions): Promise<readonly Volume[]> {
  if (await hasPartitions(disk, options)) return await partitionVolumes(disk, options)
  const content = await recognise(disk, options)
  if (content.is !== 'unknown') return [{ content, source: () => disk }]
  try {
    const partitions = await partitionVolumes(disk, options)
    if (partitions.length > 0) return partitions
  } catch (error) {
    if (!isFilesystemError(error) || error.code !== 'unrecognised') throw error
  }
  return [{ content, source: () => disk }]
}

async function partitionVolumes(disk: ByteSource, options: PartitionOptions): Promise<readonly Volume[]> {
  const volumes: Volume[] = []
  for (const partition of await partitionsOf(disk, options)) {
    const source = () => partSource(disk, { offset: partition.offset, length: partition.sizeBytes })
    volumes.push({ partition, content: await contentOf(source, options), source })
  }
  return volumes
}

async function contentOf(source: () => ByteSource, options: PartitionOptions): Promise<Volume['content']> {
  try {
    return await recognise(source(), options)
  } catch (error) {
    if (isFilesystemError(error) && error.code === 'damaged') return { is: 'problem', error }
    throw error
  }
}
