/** A run of bytes. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** Bytes that can be read at any position: a file, an object on a datastore, memory. */
export interface ByteSource {
  readonly sizeBytes: number
  /**
   * Fills the whole of `into` from `offset`.
   *
   * Called: concurrently, never past `sizeBytes`; a codec asks for at most 16 MiB at once beside what its caller asked for.
   * Rejects with whatever error the storage has; codecs pass it on as it is.
   */
  readonly read: (offset: number, into: Uint8Array) => Promise<void>
  /**
   * Yields where data may be, in ascending order; what lies between reads as zeros. Absent when that is not known.
   *
   * Called: with ranges inside `sizeBytes`.
   */
  readonly dataRanges?: (range: ByteRange) => AsyncIterable<ByteRange>
}

/** Bytes that can be written at any position. Ranges never written read as zeros later. */
export interface ByteSink {
  /** Called: concurrently, on ranges that do not overlap; grows the file. `bytes` may be reused once this resolves. */
  readonly write: (offset: number, bytes: Uint8Array) => Promise<void>
  /** Makes a range read as zeros, without writing them where the storage can; leaves the size as it is. */
  readonly zero: (offset: number, length: number) => Promise<void>
  /** Sets the size: grows with zeros, or cuts off. */
  readonly resize: (sizeBytes: number) => Promise<void>
}

/** A new, empty file for a writer that reads parts of its own tables back, so that its memory stays bounded. */
export interface ByteStore extends ByteSink {
  /** Fills the whole of `into` from `offset`. Called: only on ranges that were written before. */
  readonly read: (offset: number, into: Uint8Array) => Promise<void>
}

/** A source with the name by which it was opened, and which its errors and the list of layers carry. */
export interface NamedSource {
  /** Tells one file from another: equal names are the same file. */
  readonly name: string
  readonly source: ByteSource
  readonly close: () => Promise<void>
}

/**
 * Opens a file that an image names: its parent, an extent, a data file.
 *
 * `name` is untrusted text from inside an image, relative to `from`, perhaps a path of another operating system. The opener
 * decides what may be reached and throws an `ImageError` of code `refused-file` for what may not.
 *
 * @returns `undefined` when there is no such file; the codec then tries the next name it knows, or says what is missing.
 */
export type FileOpener = (name: string, from: NamedSource) => Promise<NamedSource | undefined>
