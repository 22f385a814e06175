import { open } from 'node:fs/promises'
import type { ByteSource } from '../../src/filesystem.js'

/** Opens an image in a file as a source. */
export async function fileSource(path: string): Promise<ByteSource & AsyncDisposable> {
  const handle = await open(path)
  const { size } = await handle.stat()
  return {
    sizeBytes: size,
    read: async (offset, into) => {
      let done = 0
      while (done < into.byteLength) {
        const { bytesRead } = await handle.read(into, done, into.byteLength - done, offset + done)
        if (bytesRead === 0) throw new RangeError(`${path} is too short`)
        done += bytesRead
      }
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
}
