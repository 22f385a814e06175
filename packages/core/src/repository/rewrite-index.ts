import type { CallOptions } from '../contract/context.js'
import type { ObjectKey } from '../model/ids.js'
import { createChunkIndex } from './chunk-index.js'
import type { EnvelopeContext } from './envelope.js'
import { readIndexObject, storeIndexRun } from './index-store.js'
import { objectPrefixes } from './layout.js'
import type { ObjectStore } from './object-store.js'

/** Index objects with fewer records than this are joined while others are rewritten anyway. */
const smallBytes = 512 * 1024

/**
 * Removes packs from the index: new index objects first, then the old ones that they replace.
 *
 * Killed in between, both list the same chunks, which is no contradiction.
 */
export async function dropPacksFromIndex(
  store: ObjectStore,
  envelope: EnvelopeContext,
  packs: ReadonlySet<string>,
  options: CallOptions,
): Promise<void> {
  const replaced: ObjectKey[] = []
  const kept = createChunkIndex(packs)
  for (const info of await store.list(objectPrefixes.index, options)) {
    const run = await readIndexObject(store, envelope, info.key, options)
    const touched = run.packs.some((pack) => packs.has(pack.id))
    if (!touched && info.sizeBytes > smallBytes) continue
    replaced.push(info.key)
    kept.addRun(run)
  }
  const onlyOne = replaced.length === 1 && packs.size === 0
  if (replaced.length === 0 || onlyOne) return
  for (const run of kept.runs()) await storeIndexRun(store, envelope, run, options)
  for (const key of replaced) await store.remove(key, options)
}
