import { createQcow2, qcow2Codec } from '../src/qcow2/index.js'
import { describeHostile, type HeaderField, type HostileSeed } from './support/hostile.js'
import { memoryFile } from './support/memory-file.js'
import { everything, outside, patterned, subclustered, versionTwo, zstdFrames } from './support/qcow2-samples.js'
import type { Vector } from './support/qcow2-vectors.js'

function seedOf(name: string, vector: Vector, others: Readonly<Record<string, Uint8Array>> = {}): HostileSeed {
  const { bytes, clusterBytes, l1, l2, refcountTable, refcountBlocks, snapshots, bitmapDirectory, bitmapTables } =
    vector
  const tables = [l1, ...l2.values(), refcountTable, refcountBlocks, ...bitmapTables]
  return {
    name,
    bytes,
    others,
    structures: [
      { offset: 0, length: 112 },
      { offset: 112, length: Math.min(clusterBytes - 112, 200) },
      ...tables.map((offset) => ({ offset, length: 64 })),
      ...(snapshots === 0 ? [] : [{ offset: snapshots, length: 128 }]),
      ...(bitmapDirectory === 0 ? [] : [{ offset: bitmapDirectory, length: 128 }]),
    ],
  }
}

async function written(): Promise<HostileSeed> {
  const file = memoryFile('disk')
  const writer = await createQcow2(file, { sizeBytes: 2 ** 20, clusterBytes: 4096, compression: { method: 'zlib' } })
  for (const at of [0, 40_960, 49_152, 900_000]) await writer.write(at, patterned(9000, at).subarray(0, 5000))
  await writer.close()
  return {
    name: 'written here',
    bytes: file.bytes(),
    structures: [
      { offset: 0, length: 600 },
      { offset: 4096, length: 16 },
      { offset: 8192, length: 512 },
    ],
  }
}

const field = (name: string, offset: number, bytes: HeaderField['bytes']): HeaderField => ({
  name,
  offset,
  bytes,
  order: 'big',
})

describeHostile({
  name: 'qcow2',
  codec: qcow2Codec,
  seeds: async () => [
    seedOf('everything', everything()),
    seedOf('version 2', versionTwo(), { 'base.raw': everything().bytes }),
    seedOf('subclusters', subclustered()),
    seedOf('zstd', zstdFrames()),
    seedOf('data file', outside(), { 'disk.data': patterned(4096, 1) }),
    await written(),
  ],
  fields: [
    field('magic', 0, 4),
    field('version', 4, 4),
    field('backing_file_offset', 8, 8),
    field('backing_file_size', 16, 4),
    field('cluster_bits', 20, 4),
    field('size', 24, 8),
    field('crypt_method', 32, 4),
    field('l1_size', 36, 4),
    field('l1_table_offset', 40, 8),
    field('refcount_table_offset', 48, 8),
    field('refcount_table_clusters', 56, 4),
    field('nb_snapshots', 60, 4),
    field('snapshots_offset', 64, 8),
    field('incompatible_features', 72, 8),
    field('compatible_features', 80, 8),
    field('autoclear_features', 88, 8),
    field('refcount_order', 96, 4),
    field('header_length', 100, 4),
    field('compression_type', 104, 1),
    field('type of the first extension', 112, 4),
    field('length of the first extension', 116, 4),
    field('nb_bitmaps', 120, 4),
    field('bitmap_directory_size', 128, 8),
    field('bitmap_directory_offset', 136, 8),
  ],
})
