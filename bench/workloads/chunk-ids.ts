/** Writes the id of a chunk, counted from 0, into 32 bytes: spread like a hash, and the same every time. */
export type ChunkIds = (chunk: number, into: Buffer) => void

/** Creates ids by mixing the chunk's number, which is a thousand times cheaper than hashing content. */
export function createChunkIds(): ChunkIds {
  return (chunk, into) => {
    for (let word = 0; word < 8; word++) into.writeUInt32LE(mix(chunk + Math.imul(word, 0x9e3779b9)), word * 4)
  }
}

/** The finaliser of MurmurHash3: one to one on 32 bits. */
function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
