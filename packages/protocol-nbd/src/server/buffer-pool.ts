/** Buffers of one connection, used again so that a read does not cost an allocation. */
export interface BufferPool {
  readonly take: (lengthBytes: number) => Uint8Array
  readonly giveBack: (buffer: Uint8Array) => void
}

/** Makes a pool that keeps so many bytes; it is of one connection, so that none ever sees bytes of another. */
export function createBufferPool(keptBytes: number): BufferPool {
  const free: Uint8Array[] = []
  let bytes = 0
  return {
    take: (lengthBytes) => {
      const index = free.findIndex((buffer) => buffer.length === lengthBytes)
      const [found] = index < 0 ? [] : free.splice(index, 1)
      if (found === undefined) return new Uint8Array(lengthBytes)
      bytes -= lengthBytes
      return found
    },
    giveBack: (buffer) => {
      free.push(buffer)
      bytes += buffer.length
      while (bytes > keptBytes) bytes -= free.shift()?.length ?? bytes
    },
  }
}
