import type { PositionalWriter } from '@holdfast/core/direct-file'

/** Buffers of at least this size go to the file as they are; smaller ones are gathered. */
const directBytes = 256 * 1024

/** Bytes gathered before they are written. */
const gatherBytes = 1024 * 1024

/** Appends to a file in large writes. */
export interface CoalescingWriter {
  /** Takes a buffer; when this resolves the caller may use it again. */
  readonly write: (bytes: Uint8Array) => Promise<void>
  /** Writes what was gathered. */
  readonly flush: () => Promise<void>
}

/** Makes a writer; it allocates nothing as long as only large buffers come. */
export function coalescingWriter(file: PositionalWriter): CoalescingWriter {
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
  const write = async (bytes: Uint8Array) => {
    if (bytes.length >= directBytes) {
      await flush()
      await append(bytes)
      return
    }
    gathered ??= new Uint8Array(gatherBytes)
    if (used + bytes.length > gatherBytes) await flush()
    gathered.set(bytes, used)
    used += bytes.length
  }
  return { write, flush }
}
