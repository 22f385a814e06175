import type { OpenFile } from './file-system.js'

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
export function coalescingWriter(file: OpenFile): CoalescingWriter {
  let gathered: Uint8Array | undefined
  let used = 0
  const flush = async () => {
    if (gathered === undefined || used === 0) return
    const length = used
    used = 0
    await writeFully(file, gathered, length)
  }
  const write = async (bytes: Uint8Array) => {
    if (bytes.length >= directBytes) {
      await flush()
      await writeFully(file, bytes, bytes.length)
      return
    }
    gathered ??= new Uint8Array(gatherBytes)
    if (used + bytes.length > gatherBytes) await flush()
    gathered.set(bytes, used)
    used += bytes.length
  }
  return { write, flush }
}

async function writeFully(file: OpenFile, bytes: Uint8Array, length: number): Promise<void> {
  for (let offset = 0; offset < length; ) {
    const { bytesWritten } = await file.write(bytes, offset, length - offset, null)
    offset += bytesWritten
  }
}
