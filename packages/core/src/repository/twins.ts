import type { CallOptions } from '../contract/context.js'
import type { ObjectKey } from '../model/ids.js'
import { damaged, isDamage } from './damage.js'
import { decodeDescription, encodeDescription } from './description.js'
import { encodeKeyObject } from './key-object.js'
import { descriptionKeys, keyObjectKeys, objectPrefixes } from './layout.js'
import { readObject, readObjectIfPresent } from './object-reader.js'
import { listKeyObjects, type Repository, readKeyObject } from './repository.js'

/** Checks both copies of the description and of every key object; losing one loses nothing, yet. */
export async function checkTwins(
  repository: Repository,
  onDamage: (error: unknown, key: ObjectKey) => void,
  options: CallOptions,
): Promise<void> {
  const { store, description } = repository
  const check = async (key: ObjectKey, inspect: (bytes: Buffer) => unknown): Promise<void> => {
    try {
      const bytes = await readObjectIfPresent(store, key, 2 ** 20, options)
      if (bytes === undefined) throw damaged(key, 'it is missing')
      await inspect(bytes)
    } catch (error) {
      onDamage(error, key)
    }
  }
  for (const key of descriptionKeys) {
    await check(key, (bytes) => {
      const copy = decodeDescription(key, bytes)
      if (!encodeDescription(copy).equals(bytes)) throw damaged(key, 'it has bytes that do not belong to it')
      if (copy.id !== description.id) throw damaged(key, 'it describes another repository')
    })
  }
  if (!description.encrypted) return
  const { ids, isWhole } = await listKeyObjects(store, options)
  for (const id of ids) {
    // A twin alone beside a whole key object is what a killed change left: not yet in force, or no longer.
    if (ids.some(isWhole) && (await store.stat(keyObjectKeys(id)[0], options)) === undefined) continue
    for (const key of keyObjectKeys(id)) {
      await check(key, async (bytes) => {
        const file = await readKeyObject(store, key, description.id, options)
        if (!encodeKeyObject(file).equals(bytes)) throw damaged(key, 'it has bytes that do not belong to it')
      })
    }
  }
}

/**
 * Writes each damaged or missing copy anew from its twin and returns the keys that were mended.
 *
 * Where both are damaged nothing is done: neither may be copied over the other.
 */
export async function mendTwins(repository: Repository, options: CallOptions): Promise<readonly ObjectKey[]> {
  const broken: ObjectKey[] = []
  const onDamage = (error: unknown, key: ObjectKey): void => {
    if (!isDamage(error)) throw error
    broken.push(key)
  }
  await checkTwins(repository, onDamage, options)
  const mendable = broken.filter((key) => !broken.includes(twinOf(key)))
  for (const key of mendable) {
    const good = await readObject(repository.store, twinOf(key), 2 ** 20, options)
    await repository.store.remove(key, options)
    await repository.store.put(key, [good], options)
  }
  return mendable
}

function twinOf(key: ObjectKey): ObjectKey {
  const [first, second] = descriptionKeys
  if (key === first) return second
  if (key === second) return first
  const [original, copy] = keyObjectKeys(key.slice(objectPrefixes.keys.length).replace(/-copy$/, ''))
  return key === original ? copy : original
}
