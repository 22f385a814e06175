import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { ByteStore, FileOpener, NamedSource } from '../../src/bytes/byte-source.js'

/** Opens a file of the disk for a codec. */
export async function realFile(path: string): Promise<NamedSource> {
  const handle = await open(path, 'r')
  const { size } = await handle.stat()
  return {
    name: path,
    source: {
      sizeBytes: size,
      read: async (offset, into) => {
        for (let filled = 0; filled < into.byteLength; ) {
          const { bytesRead } = await handle.read(into, filled, into.byteLength - filled, offset + filled)
          if (bytesRead === 0) throw new RangeError(`${path} ends before ${offset + into.byteLength}`)
          filled += bytesRead
        }
      },
    },
    close: () => handle.close(),
  }
}

/** Opens whatever an image names, beside the image. Windows paths are cut down to their file names. */
export const besideImage: FileOpener = async (name, from) => {
  const local = name.includes('\\') ? (name.split('\\').at(-1) ?? name) : name
  return realFile(resolve(dirname(from.name), local)).catch(() => undefined)
}

/** Creates a file of the disk for a writer; dispose it before other programs read it. */
export async function realStore(path: string): Promise<ByteStore & AsyncDisposable> {
  const handle = await open(path, 'wx+')
  return {
    read: async (offset, into) => {
      const { bytesRead } = await handle.read(into, 0, into.byteLength, offset)
      if (bytesRead !== into.byteLength) throw new RangeError(`${path} ends before ${offset + into.byteLength}`)
    },
    write: async (offset, bytes) => {
      await handle.write(bytes, 0, bytes.byteLength, offset)
    },
    zero: async (offset, length) => {
      const zeros = new Uint8Array(Math.min(length, 2 ** 20))
      for (let at = 0; at < length; at += zeros.byteLength)
        await handle.write(zeros, 0, Math.min(zeros.byteLength, length - at), offset + at)
    },
    resize: (sizeBytes) => handle.truncate(sizeBytes),
    [Symbol.asyncDispose]: () => handle.close(),
  }
}
