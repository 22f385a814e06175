import { type PositionalWriter, pageBytes } from '@holdfast/core/direct-file'

/** Buffers of at least this size go to the file as they are, but for what is less than a page at their end. */
const directBytes = 256 * 1024

/** Most that is gathered before it is written. */
const gatherBytes = 1024 * 1024

/** Appends to a file in large writes. */
export interface CoalescingWriter {
  /** Takes a buffer; when this resolves the caller may use it again. */
  readonly write: (bytes: Uint8Array) => Promise<void>
  /** Writes what was gathered. */
  readonly flush: () => Promise<void>
}

/** Makes a writer of `sizeBytes` in all, if that is known; it allocates no more than it needs to gather. */
export function coalescingWriter(file: PositionalWriter, sizeBytes = Number.POSITIVE_INFINITY): CoalescingWriter {
  let gathered: Uint8Array | undefined
  let used = 0
  let position = 0
  const append = async (bytes: Uint8Array) => {
    await file.write(bytes, position)
    position += bytes.length
  }
  const flush = async () => {
    if (gathered === undefined || used === 0) return
    const length = used
    used = 0
    await append(gathered.subarray(0, length))
  }
  const gather = async (bytes: Uint8Array) => {
    gathered ??= new Uint8Array(Math.min(gatherBytes, sizeBytes - position))
    if (used + bytes.length > gathered.length) await flush()
    gathered.set(bytes, used)
    used += bytes.length
  }
  const write = async (bytes: Uint8Array) => {
    if (bytes.length < directBytes) return gather(bytes)
    await flush()
    // Whole pages that start at a page can go past the cache; what is left joins what follows.
    const rest = position % pageBytes === 0 ? bytes.length % pageBytes : 0
    await append(bytes.subarray(0, bytes.length - rest))
    if (rest > 0) await gather(bytes.subarray(bytes.length - rest))
  }
  return { write, flush }
}
