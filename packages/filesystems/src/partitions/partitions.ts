import { type VolumeReader, volumeReader } from '../bytes/volume-reader.js'
import type { ByteSource, CallOptions } from '../filesystem.js'
import { FilesystemError } from '../filesystem-error.js'
import { gptPartitions, gptSectorBytes } from './gpt.js'
import { isProtective, isUsed, type MbrEntry, mbrEntries, mbrPartitions } from './mbr.js'
import type { Partition, PartitionOptions } from './partition.js'

/**
 * Lists the partitions of a disk by its GPT or MBR, logical ones too. An empty table yields none.
 *
 * @throws FilesystemError `unrecognised` when there is no partition table, `damaged`, `limit`, `read`
 */
export async function partitionsOf(source: ByteSource, options: PartitionOptions): Promise<readonly Partition[]> {
  const reader = volumeReader(source)
  const entries = await readMbr(reader, options)
  if (entries === undefined) throw new FilesystemError('unrecognised', 'The disk has no partition table that is known.')
  if (!isProtective(entries)) return await mbrPartitions(reader, entries, options.sectorBytes ?? 512, options)
  const sectorBytes = await gptSectorBytes(reader, options)
  return await gptPartitions(reader, sectorBytes ?? options.sectorBytes ?? 512, options)
}

/**
 * Tells whether a disk has a partition table that cannot be mistaken: a GPT, or an MBR with partitions that lie within it.
 *
 * The first sector of a FAT or NTFS volume looks like an MBR too, but its code makes no such partitions.
 */
export async function hasPartitions(source: ByteSource, options: PartitionOptions): Promise<boolean> {
  const reader = volumeReader(source)
  const entries = await readMbr(reader, options)
  if (entries === undefined) return false
  if (isProtective(entries)) return true
  const sectors = reader.sizeBytes / (options.sectorBytes ?? 512)
  const used = entries.filter(isUsed)
  return used.length > 0 && used.every(({ start, count }) => start + count <= sectors)
}

async function readMbr(reader: VolumeReader, options: CallOptions): Promise<readonly MbrEntry[] | undefined> {
  if (reader.sizeBytes < 512) return undefined
  return mbrEntries(await reader.structure(0, 512, 'the first sector', options))
}
