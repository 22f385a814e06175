import type { ByteSource } from '../bytes/byte-source.js'
import type { ImageFormat } from './image-format.js'

/** A stretch of the disk as one file of a chain holds it. */
export type Run = AbsentRun | ZeroRun | StoredRun | PackedRun

/** Nothing is said here: the parent's bytes, or zeros where there is no parent. */
export interface AbsentRun {
  readonly kind: 'absent'
  readonly offset: number
  readonly length: number
}

/** Reads as zeros, whatever a parent holds. */
export interface ZeroRun {
  readonly kind: 'zero'
  readonly offset: number
  readonly length: number
}

/** Stored plainly: byte `offset + n` of the disk is byte `at + n` of `source`. */
export interface StoredRun {
  readonly kind: 'stored'
  readonly offset: number
  readonly length: number
  readonly source: ByteSource
  readonly at: number
}

/** Part of a unit that is stored compressed. */
export interface PackedRun {
  readonly kind: 'packed'
  readonly offset: number
  readonly length: number
  readonly unit: PackedUnit
}

/** A compressed cluster or grain. */
export interface PackedUnit {
  /** Where on the disk the unit begins; the run lies within the unit. */
  readonly offset: number
  readonly length: number
  /** Where its compressed bytes begin, which tells it from every other unit. */
  readonly source: ByteSource
  readonly at: number
  /** Reads and decompresses it; resolves with exactly `length` bytes. */
  readonly unpack: () => Promise<Uint8Array>
}

/** What a layer says of the file beneath it. */
export interface ParentReference {
  /** Names under which the parent may be found, as the child states them, the best first. Untrusted text. */
  readonly names: readonly string[]
  /** Format that the child states; otherwise it is recognised by its bytes. */
  readonly format?: ImageFormat
  /** Identity that the parent must have, in the form of `ImageLayer.identity`. */
  readonly identity?: string
}

/** A recorded set of changed areas inside an image. */
export interface ImageBitmap {
  readonly name: string
  readonly granularityBytes: number
  /** Whether it can be relied on: false once a writer died without closing it, or while it does not record. */
  readonly usable: boolean
  /** Yields the dirty stretches in ascending order without overlap, within the disk. */
  readonly dirty: () => AsyncIterable<{ readonly offset: number; readonly length: number }>
}

/** Something wrong with an image, found by a check. */
export interface ImageProblem {
  /** `corrupt`: data may be wrong. `leak`: only space is lost. `note`: worth knowing. */
  readonly severity: 'corrupt' | 'leak' | 'note'
  readonly message: string
  /** Byte in the file. */
  readonly offset?: number
}

/**
 * One image of a chain, without its parents: what a codec makes of a file.
 *
 * The image composes layers into a disk; a codec says only where its own bytes are.
 */
export interface ImageLayer {
  readonly format: ImageFormat
  /** Kind within the format, in the format's own words: `streamOptimized`, `dynamic`, `v3`. */
  readonly variant: string
  readonly sizeBytes: number
  /** Sector size that the guest sees. */
  readonly sectorBytes: number
  /** What a child remembers of this file: VMDK CID, VHD unique id, VHDX data write GUID. */
  readonly identity?: string
  readonly parent?: ParentReference
  readonly bitmaps?: readonly ImageBitmap[]
  /** Further facts for people, by name. */
  readonly details: Readonly<Record<string, string | number | boolean>>
  /**
   * Yields runs that cover `[offset, offset + length)` exactly, in ascending order.
   *
   * Guarantee: work and memory are bounded by the size of the file's tables, whatever they claim.
   * @throws ImageError `corrupt`, `unsupported`
   */
  readonly runs: (offset: number, length: number) => AsyncIterable<Run>
  /** Looks for what `runs` does not come across: leaks, overlaps, copies of headers that differ. */
  readonly problems: () => AsyncIterable<ImageProblem>
  /** Closes files that the layer itself opened (extents, a data file), not the one it was opened from. */
  readonly close: () => Promise<void>
}
