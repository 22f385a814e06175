import type { CallOptions } from '../contract/context.js'
import { objectKey } from '../contract/object-key.js'
import type { ObjectKey } from '../model/ids.js'
import { isDamage } from '../repository/damage.js'
import { openEnvelope, sealEnvelope } from '../repository/envelope.js'
import { objectPrefixes, pointCopyKey } from '../repository/layout.js'
import { readObject } from '../repository/object-reader.js'
import { decodePoint, encodePoint, maxPointBytes, type RecoveryPoint } from '../repository/recovery-point.js'
import type { Repository } from '../repository/repository.js'

/** A manifest on its way into the place of another. To every reader it is a damaged point, so nothing is pruned meanwhile. */
const replacementSuffix = '-repaired'

/**
 * Puts a new manifest in the place of one that is damaged or refers to what is lost. The point keeps its name.
 *
 * Objects are never rewritten, so the new manifest is stored beside the old one first: killed at any instant,
 * {@link finishReplacements} completes what was begun.
 */
export async function replacePoint(
  repository: Repository,
  key: ObjectKey,
  point: RecoveryPoint,
  options: CallOptions,
): Promise<void> {
  const beside = objectKey(`${key}${replacementSuffix}`)
  await repository.store.put(beside, sealEnvelope(beside, [encodePoint(point)], repository.envelope), options)
  await moveInto(repository, beside, point, options)
}

/** Completes replacements that were interrupted, and returns the keys of the points. */
export async function finishReplacements(repository: Repository, options: CallOptions): Promise<readonly ObjectKey[]> {
  const { store, envelope } = repository
  const finished: ObjectKey[] = []
  for (const { key } of await store.list(objectPrefixes.points, options)) {
    if (!key.endsWith(replacementSuffix)) continue
    try {
      const point = decodePoint(key, openEnvelope(key, await readObject(store, key, maxPointBytes, options), envelope))
      finished.push(await moveInto(repository, key, point, options))
    } catch (error) {
      if (!isDamage(error)) throw error
      await store.remove(key, options)
    }
  }
  return finished
}

async function moveInto(
  repository: Repository,
  beside: ObjectKey,
  point: RecoveryPoint,
  options: CallOptions,
): Promise<ObjectKey> {
  const key = objectKey(beside.slice(0, -replacementSuffix.length))
  await repository.store.remove(pointCopyKey(key), options)
  await repository.store.remove(key, options)
  await repository.points.write(point, options)
  await repository.store.remove(beside, options)
  return key
}
