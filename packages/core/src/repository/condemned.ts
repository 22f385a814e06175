import { Buffer } from 'node:buffer'
import type { CallOptions } from '../contract/context.js'
import type { ObjectKey } from '../model/ids.js'
import { toHex } from './bytes.js'
import { damaged, parseStoredJson } from './damage.js'
import { type EnvelopeContext, openEnvelope, sealEnvelope } from './envelope.js'
import { condemnedKey, objectPrefixes } from './layout.js'
import { listReplaced } from './list-replaced.js'
import { readObjectIfPresent } from './object-reader.js'
import type { ObjectStore } from './object-store.js'

/**
 * Packs that nothing referenced when prune looked.
 *
 * First comes a notice, without writers: from then on new writers leave the packs alone. Only then is it known whom to
 * wait for, and a judgement with their names takes the notice's place.
 */
export interface Condemnation {
  readonly key: ObjectKey
  readonly packs: readonly string[]
  /** While one of these lives, it may reference the packs without knowing that they are condemned. */
  readonly writers: readonly string[] | undefined
}

/** Reads every condemnation: a writer that starts now must treat those packs as absent. */
export async function listCondemned(
  store: ObjectStore,
  envelope: EnvelopeContext,
  options: CallOptions,
): Promise<readonly Condemnation[]> {
  for (;;) {
    const found: Condemnation[] = []
    let vanished = false
    for (const { key } of await listReplaced(store, objectPrefixes.condemned, options)) {
      const bytes = await readObjectIfPresent(store, key, 64 * 2 ** 20, options)
      if (bytes === undefined) vanished = true
      else found.push({ key, ...parse(key, openEnvelope(key, bytes, envelope)) })
    }
    // What took its place may be missing from this listing.
    if (!vanished) return found
  }
}

/** Writes a condemnation: a notice when `writers` is `undefined`. */
export async function condemn(
  store: ObjectStore,
  envelope: EnvelopeContext,
  packs: readonly string[],
  writers: readonly string[] | undefined,
  options: CallOptions,
): Promise<Condemnation> {
  const key = condemnedKey(toHex(envelope.randomBytes(12)))
  await store.put(key, sealEnvelope(key, [Buffer.from(JSON.stringify({ packs, writers }))], envelope), options)
  return { key, packs, writers }
}

function parse(name: string, payload: Buffer): Omit<Condemnation, 'key'> {
  const { packs, writers } = (parseStoredJson(name, payload) ?? {}) as Partial<Condemnation>
  const areIds = (ids: unknown) => Array.isArray(ids) && ids.every((id) => typeof id === 'string')
  if (packs === undefined || !areIds(packs) || (writers !== undefined && !areIds(writers))) {
    throw damaged(name, 'it lists no packs')
  }
  return { packs, writers }
}
