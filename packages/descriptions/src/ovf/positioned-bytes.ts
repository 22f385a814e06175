/** Bytes that can be read at any position: a file, an object of a store. */
export interface PositionedBytes {
  readonly sizeBytes: number
  /** Fills the whole of `into` from `offset`; never called past `sizeBytes`. */
  readonly read: (offset: number, into: Uint8Array) => Promise<void>
}

/** A part of such bytes, as bytes of its own: the disk inside an OVA. */
export function partOf(
  source: PositionedBytes,
  part: { readonly offset: number; readonly sizeBytes: number },
): PositionedBytes {
  return {
    sizeBytes: part.sizeBytes,
    read: async (offset, into) => {
      if (!(offset >= 0) || offset + into.length > part.sizeBytes) {
        throw new RangeError(`${into.length} bytes at ${offset} are outside a part of ${part.sizeBytes} bytes`)
      }
      await source.read(part.offset + offset, into)
    },
  }
}
