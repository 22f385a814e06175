/** Decoded chunks at hand, by name, within a fixed number of bytes: what was used longest ago goes first. */
export interface ChunkCache {
  /** The chunk's bytes, which nobody changes; they count as used now. */
  readonly find: (name: string) => Uint8Array | undefined
  readonly has: (name: string) => boolean
  /** Keeps a chunk, unless it is larger than the whole cache. */
  readonly keep: (name: string, bytes: Uint8Array) => void
  readonly clear: () => void
  /** Never above the limit. */
  readonly sizeBytes: () => number
}

/** Makes an empty cache. */
export function chunkCache(maxBytes: number): ChunkCache {
  // In the order of their last use.
  const chunks = new Map<string, Uint8Array>()
  let sizeBytes = 0
  const drop = (name: string, bytes: Uint8Array) => {
    chunks.delete(name)
    sizeBytes -= bytes.byteLength
  }
  return {
    find: (name) => {
      const bytes = chunks.get(name)
      if (bytes === undefined) return undefined
      chunks.delete(name)
      chunks.set(name, bytes)
      return bytes
    },
    has: (name) => chunks.has(name),
    keep: (name, bytes) => {
      if (bytes.byteLength > maxBytes || chunks.has(name)) return
      for (const [oldest, old] of chunks) {
        if (sizeBytes + bytes.byteLength <= maxBytes) break
        drop(oldest, old)
      }
      chunks.set(name, bytes)
      sizeBytes += bytes.byteLength
    },
    clear: () => {
      chunks.clear()
      sizeBytes = 0
    },
    sizeBytes: () => sizeBytes,
  }
}
