import { deflateRawSync, zstdCompressSync } from 'node:zlib'
import { compressionBit, dataFileBit, encodeVector, extendedL2Bit, type Vector } from './qcow2-vectors.js'

/** Bytes that do not compress to nothing. */
export function patterned(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + (i >> 3) * 7) & 0xff)
}

const cluster = 512
const disk = 201 * cluster

/** One of everything, with clusters of 512 bytes. QEMU refuses bitmaps with extra data, so it gets none to judge. */
export function everything({ extraData = true } = {}): Vector {
  return encodeVector({
    sizeBytes: disk,
    extensions: [
      { type: 0x6803f857, data: featureName(0, 0, 'dirty bit') },
      { type: 0x12345678, data: patterned(13, 9) },
    ],
    clusters: {
      0: { kind: 'data', bytes: patterned(cluster, 1) },
      1: { kind: 'zero' },
      2: { kind: 'zero', bytes: patterned(cluster, 2) },
      4: { kind: 'packed', bytes: deflateRawSync(patterned(cluster, 3), { windowBits: 12 }) },
      5: { kind: 'packed', bytes: deflateRawSync(patterned(cluster, 4), { windowBits: 12 }) },
      6: { kind: 'packed', bytes: deflateRawSync(patterned(cluster, 5), { windowBits: 12 }) },
      63: { kind: 'data', bytes: patterned(cluster, 6) },
      64: { kind: 'data', bytes: patterned(cluster, 7) },
      200: { kind: 'data', bytes: patterned(cluster, 8) },
    },
    snapshots: 2,
    bitmaps: [
      { name: 'daily', flags: 2, granularityBits: 9, table: [patterned(cluster, 1)] },
      { name: 'old', flags: 3, granularityBits: 10, table: ['ones'] },
      { name: 'stopped', flags: 0, granularityBits: 9, table: ['zeros'] },
      {
        name: 'strange',
        flags: 2,
        granularityBits: 9,
        table: ['ones'],
        extra: extraData ? Uint8Array.of(1, 2, 3) : new Uint8Array(),
      },
    ],
  })
}

/** Version 2, with a backing file and compressed clusters. */
export function versionTwo(): Vector {
  return encodeVector({
    version: 2,
    sizeBytes: disk,
    backingName: 'base.raw',
    extensions: [{ type: 0xe2792aca, data: new TextEncoder().encode('raw') }],
    clusters: {
      3: { kind: 'data', bytes: patterned(cluster, 1) },
      5: { kind: 'packed', bytes: deflateRawSync(patterned(cluster, 3), { windowBits: 12 }) },
    },
  })
}

/** Subclusters in every state. */
export function subclustered(): Vector {
  const bytes = 16_384
  return encodeVector({
    clusterBits: 14,
    sizeBytes: 5 * bytes + 512,
    incompatible: extendedL2Bit,
    clusters: {
      0: { kind: 'data', bytes: patterned(bytes, 1) },
      1: { kind: 'zero' },
      2: { kind: 'mixed', bytes: patterned(bytes, 2), allocated: 0x8000_0ff1, zeros: 0x00f0_000e },
      3: { kind: 'packed', bytes: deflateRawSync(patterned(bytes, 3), { windowBits: 12 }) },
      5: { kind: 'mixed', bytes: patterned(bytes, 4), allocated: 0, zeros: 1 },
    },
  })
}

/** zstd: one frame, and three with an empty one among them. */
export function zstdFrames(): Vector {
  const bytes = patterned(4096, 3)
  const frames = [bytes.subarray(0, 1000), bytes.subarray(0, 0), bytes.subarray(1000)]
  return encodeVector({
    clusterBits: 12,
    sizeBytes: 3 * 4096,
    incompatible: compressionBit,
    compressionType: 1,
    clusters: {
      0: { kind: 'packed', bytes: zstdCompressSync(patterned(4096, 2)) },
      1: { kind: 'packed', bytes: Buffer.concat(frames.map((frame) => zstdCompressSync(frame))) },
      2: { kind: 'packed', bytes: zstdCompressSync(patterned(4096, 4)) },
    },
  })
}

/** The disk's clusters are in `disk.data`. */
export function outside(): Vector {
  return encodeVector({
    sizeBytes: 8 * cluster,
    incompatible: dataFileBit,
    extensions: [{ type: 0x44415441, data: new TextEncoder().encode('disk.data') }],
    clusters: {
      0: { kind: 'data', bytes: new Uint8Array() },
      3: { kind: 'zero' },
      4: { kind: 'zero', bytes: new Uint8Array() },
      7: { kind: 'data', bytes: new Uint8Array() },
    },
  })
}

/** An entry of the feature name table. */
export function featureName(type: number, bit: number, name: string): Uint8Array {
  const entry = new Uint8Array(48)
  entry.set([type, bit])
  entry.set(new TextEncoder().encode(name), 2)
  return entry
}
