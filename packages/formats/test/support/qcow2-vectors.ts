/**
 * Builds qcow2 images from the published layout (QEMU, docs/interop/qcow2.txt), apart from the code that reads them, so
 * that tests can have what no tool writes: small clusters with everything in them, several zstd frames, bitmap tables of
 * ones, reserved bits. `qcow2.live.test.ts` has qemu-img judge those that it understands.
 */

/** A cluster of the disk. */
export type VectorCluster =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  /** Bytes: the cluster keeps a place, in which these are. */
  | { readonly kind: 'zero'; readonly bytes?: Uint8Array }
  /** Bytes are compressed already. */
  | { readonly kind: 'packed'; readonly bytes: Uint8Array }
  | { readonly kind: 'mixed'; readonly bytes: Uint8Array; readonly allocated: number; readonly zeros: number }

/** A persistent bitmap; each item of the table is one cluster of bits. */
export interface VectorBitmap {
  readonly name: string
  /** 1 in_use, 2 auto, 4 extra_data_compatible. */
  readonly flags: number
  readonly granularityBits: number
  readonly table: readonly (Uint8Array | 'ones' | 'zeros')[]
  readonly extra?: Uint8Array
}

/** What to build. */
export interface VectorOptions {
  readonly version?: 2 | 3
  readonly clusterBits?: number
  readonly sizeBytes: number
  readonly refcountOrder?: number
  readonly incompatible?: bigint
  readonly compatible?: bigint
  readonly autoclear?: bigint
  readonly compressionType?: number
  readonly extensions?: readonly { readonly type: number; readonly data: Uint8Array }[]
  readonly backingName?: string
  readonly clusters?: Readonly<Record<number, VectorCluster>>
  /** Snapshots of the disk as it is. */
  readonly snapshots?: number
  readonly bitmaps?: readonly VectorBitmap[]
}

/** An image, and where its parts are. */
export interface Vector {
  readonly bytes: Uint8Array
  readonly clusterBytes: number
  readonly l1: number
  /** L2 tables by their index in the L1 table. */
  readonly l2: ReadonlyMap<number, number>
  /** Places of clusters of the disk, by number. */
  readonly data: ReadonlyMap<number, number>
  readonly refcountTable: number
  readonly refcountBlocks: number
  readonly snapshots: number
  readonly bitmapDirectory: number
  readonly bitmapTables: readonly number[]
  /** Place of the L2 entry of a cluster. */
  readonly entry: (cluster: number) => number
}

export const extendedL2Bit = 1n << 4n
export const dataFileBit = 1n << 2n
export const compressionBit = 1n << 3n

/** Builds an image. */
export function encodeVector(options: VectorOptions): Vector {
  const { version = 3, clusterBits = 9, sizeBytes, refcountOrder = 4, clusters = {}, snapshots = 0 } = options
  const { incompatible = 0n, bitmaps = [] } = options
  const clusterBytes = 2 ** clusterBits
  const isExtended = (incompatible & extendedL2Bit) !== 0n
  const isOutside = (incompatible & dataFileBit) !== 0n
  const entryBytes = isExtended ? 16 : 8
  const entriesPerTable = clusterBytes / entryBytes
  const file = growingFile(clusterBytes)
  const copied = snapshots === 0 ? 1n << 63n : 0n
  const owners = snapshots + 1
  file.take(1, 1)

  const l1Entries = Math.ceil(sizeBytes / (entriesPerTable * clusterBytes))
  const l1 = file.take(Math.max(1, Math.ceil((l1Entries * 8) / clusterBytes)), 1)
  const l2 = new Map<number, number>()
  const data = new Map<number, number>()
  const entry = (cluster: number) =>
    (l2.get(Math.floor(cluster / entriesPerTable)) ?? 0) + (cluster % entriesPerTable) * entryBytes
  for (const [number, cluster] of Object.entries(clusters).map(([key, value]) => [Number(key), value] as const)) {
    const index = Math.floor(number / entriesPerTable)
    if (!l2.has(index)) {
      const at = file.take(1, owners)
      l2.set(index, at)
      file.set64(l1 + index * 8, copied | BigInt(at))
    }
    const at = placeOf(cluster, number)
    if (at !== undefined) data.set(number, at)
    file.set64(entry(number), entryOf(cluster, at))
    if (isExtended && cluster.kind !== 'packed') {
      const all = 0xffff_ffff
      file.set32(entry(number) + 8, cluster.kind === 'zero' ? all : cluster.kind === 'mixed' ? cluster.zeros : 0)
      file.set32(entry(number) + 12, cluster.kind === 'data' ? all : cluster.kind === 'mixed' ? cluster.allocated : 0)
    }
  }

  function placeOf(cluster: VectorCluster, number: number): number | undefined {
    if (cluster.bytes === undefined) return undefined
    if (isOutside) return number * clusterBytes
    if (cluster.kind === 'packed') return file.pack(cluster.bytes, owners)
    const at = file.take(1, owners)
    file.put(at, cluster.bytes)
    return at
  }

  function entryOf(cluster: VectorCluster, at: number | undefined): bigint {
    if (cluster.kind === 'packed' && at !== undefined) {
      // Compressed Clusters Descriptor: x = 62 - (cluster_bits - 8)
      const sectors = Math.floor((at + cluster.bytes.byteLength - 1) / 512) - Math.floor(at / 512)
      return (1n << 62n) | (BigInt(sectors) << BigInt(62 - (clusterBits - 8))) | BigInt(at)
    }
    const zeroFlag = cluster.kind === 'zero' && !isExtended ? 1n : 0n
    return at === undefined ? zeroFlag : copied | BigInt(at) | zeroFlag
  }

  const snapshotTable = snapshots === 0 ? 0 : file.take(Math.ceil((snapshots * 64) / clusterBytes), 1)
  for (let index = 0; index < snapshots; index++) {
    const own = file.take(Math.max(1, Math.ceil((l1Entries * 8) / clusterBytes)), 1)
    for (const [table, at] of l2) file.set64(own + table * 8, BigInt(at))
    const at = snapshotTable + index * 64
    file.set64(at, BigInt(own))
    file.set32(at + 8, l1Entries)
    file.set16(at + 12, 1)
    file.set16(at + 14, 1)
    file.set32(at + 36, 16)
    file.set64(at + 48, BigInt(sizeBytes))
    file.put(at + 56, new TextEncoder().encode(`${index + 1}s`))
  }

  const { directory, length, tables } = putBitmaps(file, bitmaps, clusterBytes)
  const refcounts = file.putRefcounts(refcountOrder)

  const headerLength = version === 2 ? 72 : 112
  file.set32(0, 0x514649fb)
  file.set32(4, version)
  file.set32(20, clusterBits)
  file.set64(24, BigInt(sizeBytes))
  file.set32(36, l1Entries)
  file.set64(40, BigInt(l1))
  file.set64(48, BigInt(refcounts.table))
  file.set32(56, refcounts.tableClusters)
  file.set32(60, snapshots)
  file.set64(64, BigInt(snapshotTable))
  if (version === 3) {
    file.set64(72, incompatible)
    file.set64(80, options.compatible ?? 0n)
    file.set64(88, options.autoclear ?? (bitmaps.length > 0 ? 1n : 0n))
    file.set32(96, refcountOrder)
    file.set32(100, headerLength)
    file.put(104, Uint8Array.of(options.compressionType ?? 0))
  }
  let at = headerLength
  const bitmapsExtension = new DataView(new ArrayBuffer(24))
  bitmapsExtension.setUint32(0, bitmaps.length)
  bitmapsExtension.setBigUint64(8, BigInt(length))
  bitmapsExtension.setBigUint64(16, BigInt(directory))
  const extensions = [
    ...(bitmaps.length > 0 ? [{ type: 0x23852875, data: new Uint8Array(bitmapsExtension.buffer) }] : []),
    ...(options.extensions ?? []),
  ]
  for (const { type, data: content } of extensions) {
    file.set32(at, type)
    file.set32(at + 4, content.byteLength)
    file.put(at + 8, content)
    at += 8 + Math.ceil(content.byteLength / 8) * 8
  }
  if (options.backingName !== undefined) {
    const name = new TextEncoder().encode(options.backingName)
    file.put(at + 8, name)
    file.set64(8, BigInt(at + 8))
    file.set32(16, name.byteLength)
  }
  return {
    bytes: file.bytes(),
    clusterBytes,
    l1,
    l2,
    data,
    refcountTable: refcounts.table,
    refcountBlocks: refcounts.blocks,
    snapshots: snapshotTable,
    bitmapDirectory: directory,
    bitmapTables: tables,
    entry,
  }
}

type GrowingFile = ReturnType<typeof growingFile>

function growingFile(clusterBytes: number) {
  let bytes = new Uint8Array()
  let view = new DataView(bytes.buffer)
  const counts: number[] = []
  let packedAt = 0
  const take = (clusters: number, count: number) => {
    const at = bytes.byteLength
    const grown = new Uint8Array(at + clusters * clusterBytes)
    grown.set(bytes)
    bytes = grown
    view = new DataView(bytes.buffer)
    for (let i = 0; i < clusters; i++) counts.push(count)
    return at
  }
  const put = (at: number, content: Uint8Array) => bytes.set(content, at)
  return {
    take,
    put,
    set16: (at: number, value: number) => view.setUint16(at, value),
    set32: (at: number, value: number) => view.setUint32(at, value),
    set64: (at: number, value: bigint) => view.setBigUint64(at, value),
    /** Appends compressed data right after the last, on into new clusters. */
    pack: (content: Uint8Array, count: number) => {
      const room = packedAt % clusterBytes === 0 ? 0 : clusterBytes - (packedAt % clusterBytes)
      const isLast = Math.ceil(packedAt / clusterBytes) * clusterBytes === bytes.byteLength
      const at = room > 0 && isLast ? packedAt : bytes.byteLength
      const shared = at % clusterBytes === 0 ? undefined : Math.floor(at / clusterBytes)
      if (shared !== undefined) counts[shared] = (counts[shared] ?? 0) + count
      const missing = at + content.byteLength - bytes.byteLength
      if (missing > 0) take(Math.ceil(missing / clusterBytes), count)
      put(at, content)
      packedAt = at + content.byteLength
      return at
    },
    putRefcounts: (order: number) => {
      const bits = 2 ** order
      const perBlock = (clusterBytes * 8) / bits
      let blockCount = 1
      while (counts.length + blockCount + 1 > blockCount * perBlock) blockCount++
      const blocks = take(blockCount, 1)
      const tableClusters = Math.ceil((blockCount * 8) / clusterBytes)
      const table = take(tableClusters, 1)
      for (let block = 0; block < blockCount; block++)
        view.setBigUint64(table + block * 8, BigInt(blocks + block * clusterBytes))
      for (const [cluster, count] of counts.entries()) {
        const bit = cluster * bits
        const at = blocks + Math.floor(bit / 8)
        if (bits === 64) view.setBigUint64(at, BigInt(count))
        else if (bits === 32) view.setUint32(at, count)
        else if (bits === 16) view.setUint16(at, count)
        else view.setUint8(at, view.getUint8(at) | (count << (bit % 8)))
      }
      return { blocks, table, tableClusters }
    },
    bytes: () => bytes,
  }
}

function putBitmaps(file: GrowingFile, bitmaps: readonly VectorBitmap[], clusterBytes: number) {
  if (bitmaps.length === 0) return { directory: 0, length: 0, tables: [] }
  const encoder = new TextEncoder()
  const lengthOf = ({ name, extra }: VectorBitmap) =>
    Math.ceil((24 + (extra?.byteLength ?? 0) + encoder.encode(name).byteLength) / 8) * 8
  const length = bitmaps.reduce((sum, bitmap) => sum + lengthOf(bitmap), 0)
  const directory = file.take(Math.ceil(length / clusterBytes), 1)
  const tables: number[] = []
  let at = directory
  for (const bitmap of bitmaps) {
    const { name, flags, granularityBits, table, extra = new Uint8Array() } = bitmap
    const place = file.take(Math.ceil((table.length * 8) / clusterBytes), 1)
    tables.push(place)
    for (const [index, bits] of table.entries()) {
      if (bits === 'zeros') continue
      if (bits === 'ones') {
        file.set64(place + index * 8, 1n)
        continue
      }
      const cluster = file.take(1, 1)
      file.put(cluster, bits)
      file.set64(place + index * 8, BigInt(cluster))
    }
    const encoded = encoder.encode(name)
    file.set64(at, BigInt(place))
    file.set32(at + 8, table.length)
    file.set32(at + 12, flags)
    file.put(at + 16, Uint8Array.of(1, granularityBits))
    file.set16(at + 18, encoded.byteLength)
    file.set32(at + 20, extra.byteLength)
    file.put(at + 24, extra)
    file.put(at + 24 + extra.byteLength, encoded)
    at += lengthOf(bitmap)
  }
  return { directory, length, tables }
}
