import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import { type ChunkIndex, createChunkIndex } from '../repository/chunk-index.js'
import { isDamage } from '../repository/damage.js'
import { loadIndex } from '../repository/index-store.js'
import { keyName, objectPrefixes } from '../repository/layout.js'
import { indexRunsOf, type PackContents, readPackContents } from '../repository/pack-reader.js'
import type { Repository } from '../repository/repository.js'

/** Reads the index; what damaged index objects listed is taken from the footers of the packs themselves. */
export async function loadWholeIndex(repository: Repository, options: CallOptions): Promise<ChunkIndex> {
  const index = createChunkIndex()
  let isWhole = true
  await loadIndex(
    repository.store,
    repository.envelope,
    index,
    (_, error) => {
      if (!isDamage(error)) throw error
      isWhole = false
    },
    options,
  )
  if (!isWhole) await addUnlistedPacks(repository, index, options)
  return index
}

/** Adds the packs that no index object lists, by their own footers, and tells whether there were any. */
async function addUnlistedPacks(repository: Repository, index: ChunkIndex, options: CallOptions): Promise<boolean> {
  const { store, envelope } = repository
  const listed = new Set(index.packs().map((pack) => pack.id))
  const contents: PackContents[] = []
  for (const { key, sizeBytes } of await store.list(objectPrefixes.packs, options)) {
    const id = keyName(key)
    if (listed.has(id)) continue
    try {
      contents.push(await readPackContents(store, envelope, id, sizeBytes, options))
    } catch (error) {
      options.signal.throwIfAborted()
      // What has no readable footer lists nothing: if it matters, its chunks are missed and named.
      if (!isDamage(error)) throw error
    }
  }
  for (const run of indexRunsOf(contents)) index.addRun(run)
  return contents.length > 0
}

/** Looks for an index with which reading may not fail as it did; `undefined` when there is none. */
export async function betterIndex(
  repository: Repository,
  index: ChunkIndex,
  error: unknown,
  options: CallOptions,
): Promise<ChunkIndex | undefined> {
  if (missesChunk(error)) return (await addUnlistedPacks(repository, index, options)) ? index : undefined
  // A prune leaves another place of each living chunk before it removes a pack, and lists it.
  return isOfMissingObject(error) ? loadWholeIndex(repository, options) : undefined
}

function isOfMissingObject(error: unknown): boolean {
  return isBackupError(error) && (error.code === 'E_OBJECT_NOT_FOUND' || isOfMissingObject(error.cause))
}

/** A chunk that no index lists may still be in a pack whose index object was lost. */
function missesChunk(error: unknown): boolean {
  const object = isBackupError(error) ? error.context['object'] : undefined
  return typeof object === 'string' && object.startsWith('chunk ')
}
