import type { ByteSink } from '../bytes/byte-source.js'

/** Writes small pieces that follow one another as large ones. */
export interface Appender {
  /** Called: one after another. `bytes` may be reused once this resolves. */
  readonly append: (at: number, bytes: Uint8Array) => Promise<void>
  readonly flush: () => Promise<void>
}

const bufferBytes = 2 ** 20

/** Makes an appender; a piece that does not follow the last one ends what was gathered. */
export function appender(sink: ByteSink): Appender {
  const buffer = new Uint8Array(bufferBytes)
  let start = 0
  let filled = 0
  const flush = async () => {
    const gathered = buffer.subarray(0, filled)
    filled = 0
    if (gathered.byteLength > 0) await sink.write(start, gathered)
  }
  return {
    append: async (at, bytes) => {
      if (at !== start + filled || filled + bytes.byteLength > bufferBytes) await flush()
      if (bytes.byteLength > bufferBytes) return sink.write(at, bytes)
      if (filled === 0) start = at
      buffer.set(bytes, filled)
      filled += bytes.byteLength
    },
    flush,
  }
}
