import type { ByteStore } from '../bytes/byte-source.js'
import type { DiskImage } from '../image/disk-image.js'

/** Kinds of disk that are written. */
export const vmdkKinds = [
  'monolithicSparse',
  'monolithicFlat',
  'twoGbMaxExtentSparse',
  'twoGbMaxExtentFlat',
  'vmfs',
  'streamOptimized',
] as const

/** One of the kinds. */
export type VmdkKind = (typeof vmdkKinds)[number]

/** Adapters that `ddb.adapterType` can name; VMware writes `lsilogic` for every SCSI adapter since. */
export type VmdkAdapterType = 'ide' | 'buslogic' | 'lsilogic' | 'legacyESX'

/** Cylinders, heads and sectors per track as a BIOS is told. */
export interface VmdkGeometry {
  readonly cylinders: number
  readonly heads: number
  readonly sectors: number
}

/** The disk that a new child is made over. */
export interface VmdkParent {
  /** Path of the parent's main file as the child will state it: relative to the child's folder, or absolute. */
  readonly fileNameHint: string
  /**
   * The open parent. Its identity goes into the child; its bytes fill up grains of which a part is written.
   *
   * Called: until the writer is closed.
   */
  readonly image: Pick<DiskImage, 'sizeBytes' | 'layers' | 'read'>
}

/** What a new VMDK is. */
export interface VmdkWriterOptions {
  /** A multiple of 512: the format counts sectors. */
  readonly sizeBytes: number
  /** @defaultValue `monolithicSparse` */
  readonly kind?: VmdkKind
  /** Name of the main file, without a folder: the descriptor states it, extents are named after it. */
  readonly name: string
  /** Creates a further file beside the main one. Needed by kinds of several files; those stay open for their owner. */
  readonly create?: (name: string) => Promise<ByteStore>
  /** Makes a child; sparse kinds only. */
  readonly parent?: VmdkParent
  /** @defaultValue `lsilogic` */
  readonly adapterType?: VmdkAdapterType
  /** Virtual hardware version. @defaultValue `4`, which every product takes */
  readonly hardwareVersion?: number
  /** Version of VMware Tools in the guest. @defaultValue 2147483647: unknown */
  readonly toolsVersion?: number
  /** @defaultValue that of the adapter for this size */
  readonly geometry?: VmdkGeometry
  /** Says that space is given to the disk as it is written; `vmfs` only. @defaultValue false */
  readonly thinProvisioned?: boolean
  /** Content id: 8 hex digits. @defaultValue a random one */
  readonly cid?: string
  /** zlib level of `streamOptimized`, 1 to 9. @defaultValue 5: 3 takes a fifth less time for 4 % more bytes, 9 five times as long for 1 % less */
  readonly compressionLevel?: number
}
