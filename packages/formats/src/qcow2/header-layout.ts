/** `QFI\xfb`, the magic of all versions. */
export const magic = 0x514649fb

/** Places of fields in the header (spec: Header). */
export const headerField = {
  magic: 0,
  version: 4,
  backingOffset: 8,
  backingLength: 16,
  clusterBits: 20,
  size: 24,
  cryptMethod: 32,
  l1Entries: 36,
  l1Offset: 40,
  refcountTableOffset: 48,
  refcountTableClusters: 56,
  snapshotCount: 60,
  snapshotsOffset: 64,
  incompatible: 72,
  compatible: 80,
  autoclear: 88,
  refcountOrder: 96,
  headerLength: 100,
  compressionType: 104,
} as const

/** Lengths of the header of each version, version 3 without and with the way of compression. */
export const headerBytes = { v2: 72, v3: 104, v3Compression: 112 } as const

/** Values of `compression_type`. */
export const compressionType = { zlib: 0, zstd: 1 } as const

/** Limits of QEMU, which every writer keeps (spec: Header, notes). */
export const limits = {
  backingNameBytes: 1023,
  l1Bytes: 32 * 2 ** 20,
  refcountTableBytes: 8 * 2 ** 20,
  snapshots: 65_536,
} as const

/** Shortest entry of the snapshot table (spec: Snapshots). */
export const snapshotEntryBytes = 40
export const l1EntryBytes = 8
export const refcountOrderLimit = 6
/** Version 2 has refcounts of 16 bits only. */
export const v2RefcountOrder = 4
