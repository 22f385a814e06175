import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { ObjectKey } from '../model/ids.js'
import { toHex } from './bytes.js'
import type { ChunkIndex, IndexRun } from './chunk-index.js'
import { type EnvelopeContext, openEnvelope, sealEnvelope } from './envelope.js'
import { decodeIndex, encodeIndex, maxIndexBytes, maxIndexRecords } from './index-object.js'
import { indexRecordWords } from './index-record.js'
import { indexKey, objectPrefixes } from './layout.js'
import { listReplaced } from './list-replaced.js'
import { readObject } from './object-reader.js'
import type { ObjectStore } from './object-store.js'

/** Listings of the index that are tried before an object that keeps vanishing counts as lost. */
const listings = 8

/**
 * Reads every index object into `index`; damaged ones go to `onDamage` and are left out.
 *
 * A prune stores what replaces an object before it removes it: what vanishes is found again in another listing.
 */
export async function loadIndex(
  store: ObjectStore,
  envelope: EnvelopeContext,
  index: ChunkIndex,
  onDamage: (key: ObjectKey, error: unknown) => void,
  options: CallOptions,
): Promise<readonly ObjectKey[]> {
  const seen = new Set<ObjectKey>()
  for (let listing = 1; ; listing++) {
    const queue = (await listReplaced(store, objectPrefixes.index, options))
      .map((info) => info.key)
      .filter((key) => !seen.has(key))
    let vanished = false
    const next = async (): Promise<void> => {
      for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
        try {
          index.addRun(await readIndexObject(store, envelope, key, options))
        } catch (error) {
          options.signal.throwIfAborted()
          if (listing < listings && isBackupError(error) && error.code === 'E_OBJECT_NOT_FOUND') {
            vanished = true
            continue
          }
          onDamage(key, error)
        }
        seen.add(key)
      }
    }
    await Promise.all(Array.from({ length: Math.min(4, store.capabilities.maxConcurrency) }, next))
    if (!vanished) return [...seen]
  }
}

/** Reads one index object. */
export async function readIndexObject(
  store: ObjectStore,
  envelope: EnvelopeContext,
  key: ObjectKey,
  options: CallOptions,
): Promise<IndexRun> {
  return decodeIndex(key, openEnvelope(key, await readObject(store, key, maxIndexBytes, options), envelope))
}

/** Stores a run as one or more index objects and returns their keys. */
export async function storeIndexRun(
  store: ObjectStore,
  envelope: EnvelopeContext,
  run: IndexRun,
  options: CallOptions,
): Promise<readonly ObjectKey[]> {
  const keys: ObjectKey[] = []
  const step = maxIndexRecords * indexRecordWords
  for (let at = 0; at < run.records.length; at += step) {
    const key = indexKey(toHex(envelope.randomBytes(16)))
    const part: IndexRun = { packs: run.packs, records: run.records.subarray(at, at + step) }
    await store.put(key, sealEnvelope(key, encodeIndex(part), envelope), options)
    keys.push(key)
  }
  return keys
}
