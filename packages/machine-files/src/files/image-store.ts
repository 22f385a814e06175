import { writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { ByteStore } from '@holdfast/formats'
import { loadPreallocate, type Preallocate } from './preallocate.js'

/** A new file that an image is written to. */
export interface FileStore extends ByteStore {
  readonly path: string
  /** Makes it durable. */
  readonly sync: () => Promise<void>
  readonly close: () => Promise<void>
}

const zeroPiece = new Uint8Array(2 ** 20)

/** How a file is written. */
export interface FileStoreOptions {
  /**
   * The thread waits for each write. A program that does nothing else is a third faster for it: waking a thread takes half
   * as long as a write, and blocks that are asked for at once are had sooner than one by one.
   *
   * @defaultValue `false`
   */
  readonly blocking?: boolean
}

/** Creates a file that is not there yet, readable by its owner alone. */
export async function createFileStore(path: string, { blocking = false }: FileStoreOptions = {}): Promise<FileStore> {
  const handle = await open(path, 'wx+', 0o600)
  const write = blocking ? blockingWrites(handle, await loadPreallocate()) : queuedWrites(handle)
  return {
    path,
    write,
    read: async (offset, into) => {
      for (let filled = 0; filled < into.byteLength; ) {
        const { bytesRead } = await handle.read(into, filled, into.byteLength - filled, offset + filled)
        if (bytesRead === 0) throw new RangeError(`${path} ends at ${offset + filled} bytes`)
        filled += bytesRead
      }
    },
    zero: async (offset, length) => {
      for (let done = 0; done < length; done += zeroPiece.byteLength)
        await write(offset + done, zeroPiece.subarray(0, Math.min(zeroPiece.byteLength, length - done)))
    },
    resize: (sizeBytes) => handle.truncate(sizeBytes),
    sync: () => handle.sync(),
    close: () => handle.close(),
  }
}

type Write = FileStore['write']

/** Shorter writes are of tables, mostly within blocks that are there. */
const preallocateFromBytes = 256 * 1024

function blockingWrites(handle: FileHandle, preallocate: Preallocate | undefined): Write {
  return async (offset, bytes) => {
    if (bytes.byteLength >= preallocateFromBytes) preallocate?.(handle.fd, offset, bytes.byteLength)
    for (let done = 0; done < bytes.byteLength; )
      done += writeSync(handle.fd, bytes, done, bytes.byteLength - done, offset + done)
  }
}

/** One at a time: the kernel lets a single writer into a file, and the others burn a processor while they wait. */
function queuedWrites(handle: FileHandle): Write {
  let earlier: Promise<unknown> = Promise.resolve()
  const writeNow = async (offset: number, bytes: Uint8Array) => {
    for (let done = 0; done < bytes.byteLength; )
      done += (await handle.write(bytes, done, bytes.byteLength - done, offset + done)).bytesWritten
  }
  return async (offset, bytes) => {
    const written = earlier.then(() => writeNow(offset, bytes))
    earlier = written.catch(() => {})
    await written
  }
}
