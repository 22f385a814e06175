/** Disks are cut on this grid: the block size of nearly every guest file system. */
export const blockBytes = 4096

/** No chunk crosses a region boundary, so any part of a disk can be read and cut alone. */
export const regionBytes = 4 * 2 ** 20

/** How regions are cut into chunks; recorded with the repository. */
export interface CuttingParameters {
  readonly minBytes: number
  readonly maxBytes: number
  /** A block ends a chunk with probability 2^-maskBits once the chunk has its minimum. */
  readonly maskBits: number
}

/** Chosen by the benchmark: see `docs/explanation/decisions.md`, "Chunks are cut by content on the block grid". */
export const defaultCutting: CuttingParameters = { minBytes: 65_536, maxBytes: 524_288, maskBits: 3 }

/**
 * Cuts a piece of a disk into chunks whose borders depend on content alone, and returns each chunk's length.
 *
 * A border falls after a block whose sampled words hash to zero in `maskBits` bits. Equal runs of blocks are thus cut
 * alike wherever they lie on the grid, which finds copied files that fixed chunks miss, at no cost: nine words a block. The piece starts on the grid.
 */
export function cutPiece(piece: Uint8Array, parameters: CuttingParameters): Uint32Array {
  const { minBytes, maxBytes, maskBits } = parameters
  const lengths = new Uint32Array(Math.ceil(piece.byteLength / minBytes) + 1)
  const words = new Int32Array(piece.buffer, piece.byteOffset, piece.byteLength >>> 2)
  const mask = (1 << maskBits) - 1
  const wordsPerBlock = blockBytes / 4
  const wholeBlocks = Math.floor(piece.byteLength / blockBytes)
  let count = 0
  let start = 0
  for (let block = 0; block < wholeBlocks; block++) {
    const end = (block + 1) * blockBytes
    const length = end - start
    if (length >= maxBytes || (length >= minBytes && (sampleHash(words, block * wordsPerBlock) & mask) === 0)) {
      lengths[count++] = length
      start = end
    }
  }
  if (start < piece.byteLength) lengths[count++] = piece.byteLength - start
  return lengths.subarray(0, count)
}

/** Mixes nine words spread over a block. Chunk lengths stay inside encrypted frames, so no secret is needed. */
function sampleHash(words: Int32Array, at: number): number {
  let h = 0x48465354 ^ Math.imul(word(words, at), 0x85ebca6b)
  h ^= Math.imul((word(words, at + 1) + word(words, at + 301)) | 0, 0xc2b2ae35)
  h ^= Math.imul(word(words, at + 523) ^ word(words, at + 777), 0x27d4eb2f)
  h ^= Math.imul((word(words, at + 1023) + word(words, at + 129)) | 0, 0x165667b1)
  h ^= word(words, at + 901)
  h ^= h >>> 15
  h = Math.imul(h, 0x2c1b3c6d)
  return h ^ (h >>> 13)
}

function word(words: Int32Array, at: number): number {
  return words[at] ?? 0
}
