import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { ObjectKey } from '../model/ids.js'
import { copyBytes } from './bytes.js'
import { damaged } from './damage.js'
import type { ObjectStore } from './object-store.js'

/** Reads a whole object of at most `maxBytes` into memory. @throws BackupError `E_OBJECT_NOT_FOUND`, `E_DAMAGED` */
export async function readObject(
  target: Pick<ObjectStore, 'get'>,
  key: ObjectKey,
  maxBytes: number,
  options: CallOptions,
): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of target.get(key, options)) {
    size += part.byteLength
    if (size > maxBytes) throw damaged(key, `it is larger than the ${maxBytes} bytes that it may have`)
    parts.push(Buffer.from(part))
  }
  return Buffer.concat(parts, size)
}

/** Fills `into` with the object's bytes from `offset`; a shorter object is damage. */
export async function readRange(
  target: Pick<ObjectStore, 'get'>,
  key: ObjectKey,
  offset: number,
  into: Uint8Array,
  options: CallOptions,
): Promise<void> {
  await using reader = rangeReader(target, key, { offset, length: into.byteLength }, options)
  await reader.read(into)
  await reader.end()
}

/** Reads a range of an object piece by piece, in one request. */
export interface RangeReader extends AsyncDisposable {
  /** Fills `into` with the bytes that come next; an object that ends before is damage. */
  readonly read: (into: Uint8Array) => Promise<void>
  /** Makes sure that the range has ended; a target that gives more is at fault. */
  readonly end: () => Promise<void>
}

/** Starts reading a range. Disposal ends the request, also before its end. */
export function rangeReader(
  target: Pick<ObjectStore, 'get'>,
  key: ObjectKey,
  range: { readonly offset: number; readonly length: number },
  options: CallOptions,
): RangeReader {
  let free: Uint8Array = new Uint8Array()
  const parts = target.get(key, { ...options, range, memory: () => free })[Symbol.asyncIterator]()
  let position = range.offset
  let part: Uint8Array = new Uint8Array()
  return {
    read: async (into) => {
      for (let at = 0; at < into.byteLength; ) {
        if (part.byteLength === 0) {
          free = into.subarray(at)
          const next = await parts.next()
          if (next.done === true)
            throw damaged(key, `it ends at byte ${position}, before byte ${range.offset + range.length}`)
          part = next.value
        }
        const taken = part.subarray(0, into.byteLength - at)
        if (!liesAt(taken, into, at)) copyBytes(taken, into, at)
        at += taken.byteLength
        position += taken.byteLength
        // The target may use the memory of a part again, but not before it is asked for the next.
        part = part.subarray(taken.byteLength)
      }
    },
    end: async () => {
      free = new Uint8Array()
      if (part.byteLength > 0 || (await parts.next()).done !== true)
        throw damaged(key, 'the target returned more than the asked range')
    },
    [Symbol.asyncDispose]: async () => {
      await parts.return?.()
    },
  }
}

function liesAt(part: Uint8Array, into: Uint8Array, at: number): boolean {
  return part.buffer === into.buffer && part.byteOffset === into.byteOffset + at
}

/** Reads an object that may be missing. */
export async function readObjectIfPresent(
  target: Pick<ObjectStore, 'get'>,
  key: ObjectKey,
  maxBytes: number,
  options: CallOptions,
): Promise<Buffer | undefined> {
  try {
    return await readObject(target, key, maxBytes, options)
  } catch (error) {
    if (isBackupError(error) && error.code === 'E_OBJECT_NOT_FOUND') return undefined
    throw error
  }
}
