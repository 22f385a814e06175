import type { CallOptions } from '../contract/context.js'
import { BackupError } from '../contract/errors.js'
import type { ObjectKey } from '../model/ids.js'
import { objectPrefixes } from '../repository/layout.js'
import type { ObjectStore } from '../repository/object-store.js'

/**
 * Puts packs in the order in which the target reads them best; in the order of storing, where it does not say.
 *
 * @throws BackupError `E_PLUGIN_UNEXPECTED` when the target leaves one out, or names others
 */
export async function inReadingOrder<T>(
  store: ObjectStore,
  packs: readonly T[],
  keyOf: (pack: T) => ObjectKey,
  options: CallOptions,
): Promise<readonly T[]> {
  const waiting = new Map(packs.map((pack) => [keyOf(pack), pack]))
  const { ordering } = store.session
  const keys =
    ordering === undefined
      ? await storageOrder(store, waiting, options)
      : await ordering.order([...waiting.keys()], options)
  const ordered: T[] = []
  for (const key of keys) {
    const pack = waiting.get(key)
    if (pack === undefined) throw wrongOrder(`it names ${key}, which it was not asked for, or twice`)
    waiting.delete(key)
    ordered.push(pack)
  }
  for (const key of waiting.keys()) throw wrongOrder(`it leaves out ${key}`)
  return ordered
}

async function storageOrder(
  store: ObjectStore,
  waiting: ReadonlyMap<ObjectKey, unknown>,
  options: CallOptions,
): Promise<readonly ObjectKey[]> {
  const stored = await store.list(objectPrefixes.packs, options)
  const wanted = stored.filter((info) => waiting.has(info.key))
  return wanted.sort((a, b) => a.modifiedAt.getTime() - b.modifiedAt.getTime()).map((info) => info.key)
}

function wrongOrder(what: string): BackupError {
  return new BackupError('E_PLUGIN_UNEXPECTED', `The order that the target gives for reading is no good: ${what}.`, {
    operation: 'target.order',
    hint: 'Report this to the maker of the target plugin.',
  })
}
