import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { ObjectKey } from '../model/ids.js'
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
  let at = 0
  const range = { offset, length: into.byteLength }
  for await (const part of target.get(key, { ...options, range })) {
    if (at + part.byteLength > into.byteLength) throw damaged(key, 'the target returned more than the asked range')
    into.set(part, at)
    at += part.byteLength
  }
  if (at !== into.byteLength)
    throw damaged(key, `it ends at byte ${offset + at}, before byte ${offset + into.byteLength}`)
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
