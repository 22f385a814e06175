import {
  BackupError,
  type Clock,
  type ErrorCode,
  type GetOptions,
  type ObjectInfo,
  type ObjectKey,
  objectKey,
  type PutOptions,
  untilAborted,
} from '@holdfast/core'
import type { MemoryObjects } from './memory-objects.js'

/** What the operations of a memory target work on. */
export interface MemoryTargetHost {
  readonly id: string
  readonly objects: MemoryObjects
  readonly clock: Clock
  readonly immutability: boolean
  readonly capacityBytes: number | undefined
  readonly maxObjectBytes: number | undefined
}

const pieceBytes = 64 * 1024

/** Stores an object: collected apart, made visible in one step. */
export async function memoryPut(
  host: MemoryTargetHost,
  key: ObjectKey,
  body: AsyncIterable<Uint8Array>,
  { signal, sizeBytes, retainUntil }: PutOptions,
): Promise<void> {
  const fail = failure(host, 'put', key)
  objectKey(key)
  if (retainUntil !== undefined && !host.immutability) throw fail('E_UNSUPPORTED', 'this target cannot lock objects')
  if (host.objects.find(key) !== undefined) throw fail('E_OBJECT_EXISTS', 'it is already there')
  const pieces: Uint8Array[] = []
  let received = 0
  for await (const piece of untilAborted(body, signal)) {
    received += piece.length
    if (host.maxObjectBytes !== undefined && received > host.maxObjectBytes) {
      throw fail('E_TARGET_IO', `it is larger than ${host.maxObjectBytes} bytes`)
    }
    if (host.capacityBytes !== undefined && host.objects.usedBytes() + received > host.capacityBytes) {
      throw fail('E_TARGET_FULL', 'there is no room left')
    }
    // The buffer is the caller's again as soon as the next one is asked for.
    pieces.push(piece.slice())
  }
  signal.throwIfAborted()
  if (sizeBytes !== undefined && sizeBytes !== received) {
    throw fail('E_TARGET_IO', `it has ${received} bytes, ${sizeBytes} were announced`)
  }
  if (host.objects.find(key) !== undefined) throw fail('E_OBJECT_EXISTS', 'it is already there')
  host.objects.overwrite(key, Buffer.concat(pieces), host.clock.now())
  if (retainUntil !== undefined) host.objects.lock(key, retainUntil)
}

/** Reads an object or a range of it, piece by piece. */
export async function* memoryGet(
  host: MemoryTargetHost,
  key: ObjectKey,
  { signal, range }: GetOptions,
): AsyncGenerator<Uint8Array> {
  const fail = failure(host, 'get', key)
  const object = host.objects.find(key)
  if (object === undefined) throw fail('E_OBJECT_NOT_FOUND', 'it is not there')
  const { offset, length } = range ?? { offset: 0, length: object.bytes.length }
  if (offset + length > object.bytes.length) throw fail('E_DAMAGED', `it ends at byte ${object.bytes.length}`)
  for (let at = offset; at < offset + length; at += pieceBytes) {
    signal.throwIfAborted()
    yield object.bytes.slice(at, Math.min(at + pieceBytes, offset + length))
  }
}

/** Lists the objects that are there when the listing starts. */
export async function* memoryList(
  { objects }: MemoryTargetHost,
  prefix: string,
  { signal }: GetOptions,
): AsyncGenerator<ObjectInfo> {
  for (const key of objects.keys()) {
    signal.throwIfAborted()
    const info = key.startsWith(prefix) ? objects.info(key) : undefined
    if (info !== undefined) yield info
  }
}

/** Removes an object unless it is locked. */
export function memoryRemove(host: MemoryTargetHost, key: ObjectKey): void {
  const lockedUntil = host.objects.find(key)?.lockedUntil
  if (lockedUntil !== undefined && lockedUntil > host.clock.now()) {
    throw failure(host, 'remove', key)('E_TARGET_IMMUTABLE', `it is locked until ${lockedUntil.toISOString()}`)
  }
  host.objects.drop(key)
}

function failure(host: MemoryTargetHost, operation: string, key: ObjectKey) {
  return (code: ErrorCode, why: string): BackupError =>
    new BackupError(code, `Cannot ${operation} object ${key}: ${why}.`, {
      plugin: host.id,
      operation: `target.${operation}`,
      context: { key },
    })
}
