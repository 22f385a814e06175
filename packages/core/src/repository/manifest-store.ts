import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { ObjectKey } from '../model/ids.js'
import { damaged, isDamage } from './damage.js'
import { type EnvelopeContext, openEnvelope, sealEnvelope } from './envelope.js'
import { copiedPointKey, objectPrefixes, pointCopyKey, pointKey } from './layout.js'
import { readObject } from './object-reader.js'
import type { ObjectStore } from './object-store.js'
import { decodePoint, encodePoint, machineTag, maxPointBytes, type RecoveryPoint } from './recovery-point.js'

/** A manifest, or a note about a point, that cannot be read. */
export interface DamagedPoint {
  readonly key: ObjectKey
  readonly error: unknown
}

/** A manifest with what the target says of it. */
export interface StoredManifest {
  readonly key: ObjectKey
  readonly point: RecoveryPoint
  /** When the target saw the manifest appear: no writer can forge it. */
  readonly witnessedAt: Date
}

/**
 * The manifests of recovery points. Each has a copy, written after it and removed before it: a copy that stands alone tells
 * that its manifest was lost, and a manifest without copy that something was killed.
 */
export interface ManifestStore {
  readonly list: (onDamage: (damage: DamagedPoint) => void, options: CallOptions) => Promise<readonly StoredManifest[]>
  readonly write: (point: RecoveryPoint, options: CallOptions) => Promise<void>
  readonly remove: (key: ObjectKey, options: CallOptions) => Promise<void>
  /** Reads the copies of these points, and tells of those that are not what their point is. */
  readonly checkCopies: (points: readonly StoredManifest[], options: CallOptions) => Promise<readonly DamagedPoint[]>
  /** Writes what is damaged or missing of a manifest and its copy anew from the other, and returns the keys. */
  readonly mendCopies: (options: CallOptions) => Promise<readonly ObjectKey[]>
}

/** Opens the manifests of a repository. */
export function manifestStore(
  store: ObjectStore,
  envelope: EnvelopeContext,
  idKey: Uint8Array | undefined,
): ManifestStore {
  const keyOf = ({ id, machine }: RecoveryPoint) => pointKey(machineTag(machine.id, idKey), id)

  /** Reads a manifest or a copy: each is sealed under its own name. */
  const read = async (key: ObjectKey, options: CallOptions): Promise<RecoveryPoint> => {
    const point = decodePoint(key, openEnvelope(key, await readObject(store, key, maxPointBytes, options), envelope))
    const own = keyOf(point)
    if (key !== own && key !== pointCopyKey(own))
      throw damaged(key, `it is point ${point.id} of another machine or time`)
    return point
  }

  const put = async (key: ObjectKey, point: RecoveryPoint, options: CallOptions): Promise<void> => {
    await store.put(key, sealEnvelope(key, [encodePoint(point)], envelope), options)
  }

  const readCopy = async (
    copy: ObjectKey,
    onDamage: (damage: DamagedPoint) => void,
    options: CallOptions,
  ): Promise<RecoveryPoint | undefined> => {
    try {
      return await read(copy, options)
    } catch (error) {
      options.signal.throwIfAborted()
      if (!isGone(error)) onDamage({ key: copy, error })
      return undefined
    }
  }

  /** Reads a manifest or, when that is lost, its copy; `undefined` when neither can be had, or a prune took both. */
  const readEither = async (
    key: ObjectKey,
    onDamage: (damage: DamagedPoint) => void,
    options: CallOptions,
  ): Promise<RecoveryPoint | undefined> => {
    try {
      return await read(key, options)
    } catch (error) {
      options.signal.throwIfAborted()
      const copy = pointCopyKey(key)
      const hasCopy = (await store.stat(copy, options)) !== undefined
      if (isGone(error) && !hasCopy) return undefined
      onDamage({ key, error: isGone(error) ? damaged(key, 'it is missing') : error })
      return hasCopy ? readCopy(copy, onDamage, options) : undefined
    }
  }

  /** All points that have a manifest or a copy, with the time of the manifest where there is one. */
  const listKeys = async (options: CallOptions): Promise<ReadonlyMap<ObjectKey, Date>> => {
    const [manifests, copies] = await Promise.all([
      store.list(objectPrefixes.points, options),
      store.list(objectPrefixes.pointCopies, options),
    ])
    const keys = new Map(copies.map(({ key, modifiedAt }) => [copiedPointKey(key), modifiedAt]))
    for (const { key, modifiedAt } of manifests) keys.set(key, modifiedAt)
    return keys
  }

  return {
    list: async (onDamage, options) => {
      const found: StoredManifest[] = []
      for (const [key, witnessedAt] of await listKeys(options)) {
        const point = await readEither(key, onDamage, options)
        if (point !== undefined) found.push({ key, point, witnessedAt })
      }
      return found
    },
    write: async (point, options) => {
      const key = keyOf(point)
      await put(key, point, options)
      await put(pointCopyKey(key), point, options)
    },
    remove: async (key, options) => {
      await store.remove(pointCopyKey(key), options)
      await store.remove(key, options)
    },
    checkCopies: async (points, options) => {
      const known = new Map(points.map(({ key, point }) => [key, point]))
      const broken: DamagedPoint[] = []
      for (const { key } of await store.list(objectPrefixes.pointCopies, options)) {
        const point = known.get(copiedPointKey(key))
        if (point === undefined) continue
        const copy = await readCopy(key, (damage) => broken.push(damage), options)
        if (copy !== undefined && !isSame(copy, point))
          broken.push({ key, error: damaged(key, 'it differs from its point') })
      }
      return broken
    },
    mendCopies: async (options) => {
      const mended: ObjectKey[] = []
      const rewrite = async (key: ObjectKey, point: RecoveryPoint): Promise<void> => {
        await store.remove(key, options)
        await put(key, point, options)
        mended.push(key)
      }
      for (const key of (await listKeys(options)).keys()) {
        const copyKey = pointCopyKey(key)
        const point = await ifWhole(read(key, options))
        const copy = await ifWhole(read(copyKey, options))
        if (point !== undefined && (copy === undefined || !isSame(copy, point))) await rewrite(copyKey, point)
        if (point === undefined && copy !== undefined) await rewrite(key, copy)
      }
      return mended
    },
  }
}

function isGone(error: unknown): boolean {
  return isBackupError(error) && error.code === 'E_OBJECT_NOT_FOUND'
}

function isSame(a: RecoveryPoint, b: RecoveryPoint): boolean {
  return encodePoint(a).equals(encodePoint(b))
}

/** What is read, unless it is damaged; other trouble says nothing about what is stored. */
async function ifWhole(reading: Promise<RecoveryPoint>): Promise<RecoveryPoint | undefined> {
  try {
    return await reading
  } catch (error) {
    if (!isDamage(error)) throw error
    return undefined
  }
}
