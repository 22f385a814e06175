import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import type { ObjectKey } from '../model/ids.js'
import { toHex } from './bytes.js'
import { type EnvelopeContext, openEnvelope, sealEnvelope } from './envelope.js'
import { condemnedKey, objectPrefixes } from './layout.js'
import { readObjectIfPresent } from './object-reader.js'
import type { ObjectStore } from './object-store.js'

/** Packs that nothing referenced when prune looked, and the writers that were alive then. */
export interface Condemnation {
  readonly key: ObjectKey
  readonly packs: readonly string[]
  /** While one of these lives, it may reference the packs without knowing that they are condemned. */
  readonly writers: readonly string[]
}

/** Reads every condemnation: a writer that starts now must treat those packs as absent. */
export async function listCondemned(
  store: ObjectStore,
  envelope: EnvelopeContext,
  options: CallOptions,
): Promise<readonly Condemnation[]> {
  const found: Condemnation[] = []
  for (const { key } of await store.list(objectPrefixes.condemned, options)) {
    const bytes = await readObjectIfPresent(store, key, 64 * 2 ** 20, options)
    if (bytes === undefined) continue
    const file = JSON.parse(openEnvelope(key, bytes, envelope).toString('utf8')) as Omit<Condemnation, 'key'>
    found.push({ key, packs: file.packs, writers: file.writers })
  }
  return found
}

/** Writes a condemnation. */
export async function condemn(
  store: ObjectStore,
  envelope: EnvelopeContext,
  packs: readonly string[],
  writers: readonly string[],
  options: CallOptions,
): Promise<Condemnation> {
  const key = condemnedKey(toHex(envelope.randomBytes(12)))
  await store.put(key, [sealEnvelope(key, Buffer.from(JSON.stringify({ packs, writers })), envelope)], options)
  return { key, packs, writers }
}
