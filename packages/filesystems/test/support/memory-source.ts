import type { ByteSource } from '../../src/filesystem.js'

/** Bytes in memory as a source that counts its calls. */
export interface MemorySource extends ByteSource {
  readonly calls: () => number
  readonly bytesRead: () => number
}

/** Serves bytes; refuses what a source must never be asked. */
export function memorySource(bytes: Uint8Array): MemorySource {
  let calls = 0
  let bytesRead = 0
  return {
    sizeBytes: bytes.byteLength,
    read: async (offset, into, { signal }) => {
      signal.throwIfAborted()
      if (offset < 0 || offset + into.byteLength > bytes.byteLength) throw new RangeError('asked past the end')
      calls += 1
      bytesRead += into.byteLength
      into.set(bytes.subarray(offset, offset + into.byteLength))
    },
    calls: () => calls,
    bytesRead: () => bytesRead,
  }
}

/** Options of a call that nothing aborts. */
export const unaborted = { signal: new AbortController().signal }
