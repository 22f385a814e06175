/** The part of a range that lies in one block. */
export interface BlockPart {
  readonly index: number
  /** Within the block. */
  readonly from: number
  readonly to: number
  /** Within the range. */
  readonly at: number
}

/** Cuts a range of the disk at the ends of blocks. */
export function* blockParts(offset: number, length: number, blockBytes: number): Generator<BlockPart, void, undefined> {
  for (let at = 0; at < length; ) {
    const index = Math.floor((offset + at) / blockBytes)
    const from = offset + at - index * blockBytes
    const to = Math.min(blockBytes, from + length - at)
    yield { index, from, to, at }
    at += to - from
  }
}
