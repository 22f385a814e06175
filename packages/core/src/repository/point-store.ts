import type { CallOptions, Clock } from '../contract/context.js'
import { BackupError, isBackupError } from '../contract/errors.js'
import { objectKey } from '../contract/object-key.js'
import type { ObjectKey } from '../model/ids.js'
import { toHex } from './bytes.js'
import { type EnvelopeContext, openEnvelope, sealEnvelope } from './envelope.js'
import { holdKey, objectPrefixes, verifiedKey } from './layout.js'
import { type DamagedPoint, manifestStore, type StoredManifest } from './manifest-store.js'
import { readObject } from './object-reader.js'
import type { ObjectStore } from './object-store.js'
import { machineTag, type RecoveryPoint } from './recovery-point.js'
import { decodeVerification, encodeVerification, maxVerificationBytes, type Verification } from './verification.js'

/** A recovery point with what the target says of it. */
export interface PointEntry extends StoredManifest {
  readonly held: boolean
  /** Oldest first. */
  readonly verifications: readonly Verification[]
}

/** A small object about a point. */
export interface PointNote {
  readonly key: ObjectKey
  readonly pointKey: ObjectKey
}

/** The recovery points of a repository and the small objects about them. */
export interface PointStore {
  readonly list: (
    options: CallOptions,
  ) => Promise<{ readonly entries: readonly PointEntry[]; readonly damaged: readonly DamagedPoint[] }>
  /** Lists the holds and verifications, each with the point that it is about, whether or not that is there. */
  readonly listNotes: (options: CallOptions) => Promise<readonly PointNote[]>
  /** Reads the copies of these points' manifests, and tells of those that are not what their point is. */
  readonly checkCopies: (entries: readonly PointEntry[], options: CallOptions) => Promise<readonly DamagedPoint[]>
  /** Writes what is damaged or missing of a manifest and its copy anew from the other, and returns the keys. */
  readonly mendCopies: (options: CallOptions) => Promise<readonly ObjectKey[]>
  readonly write: (point: RecoveryPoint, options: CallOptions) => Promise<void>
  readonly remove: (entry: PointEntry, options: CallOptions) => Promise<void>
  readonly hold: (entry: PointEntry, held: boolean, options: CallOptions) => Promise<void>
  /** Notes a verification and tells under which key; a note is never rewritten. */
  readonly addVerification: (entry: PointEntry, verification: Verification, options: CallOptions) => Promise<ObjectKey>
}

/** Opens the points of a repository. */
export function pointStore(store: ObjectStore, envelope: EnvelopeContext, idKey: Uint8Array | undefined): PointStore {
  const manifests = manifestStore(store, envelope, idKey)
  const tagOf = (point: RecoveryPoint) => machineTag(point.machine.id, idKey)

  const readVerification = async (
    key: ObjectKey,
    point: RecoveryPoint,
    options: CallOptions,
  ): Promise<Verification> => {
    const bytes = await readObject(store, key, maxVerificationBytes, options)
    return decodeVerification(key, openEnvelope(key, bytes, envelope), point)
  }

  return {
    list: async (options) => {
      const broken: DamagedPoint[] = []
      const [points, holds, verified] = await Promise.all([
        manifests.list((damage) => broken.push(damage), options),
        store.list(objectPrefixes.holds, options),
        store.list(objectPrefixes.verified, options),
      ])
      const held = new Set(holds.map((info) => info.key.slice(objectPrefixes.holds.length)))
      const notes = Map.groupBy(verified, ({ key }) => aboutVerified(key))
      const entries: PointEntry[] = []
      for (const manifest of points) {
        const name = manifest.key.slice(objectPrefixes.points.length)
        const verifications: Verification[] = []
        for (const { key } of notes.get(name) ?? []) {
          try {
            verifications.push(await readVerification(key, manifest.point, options))
          } catch (error) {
            options.signal.throwIfAborted()
            // It goes with its point, which a prune may just be removing.
            if (isBackupError(error) && error.code === 'E_OBJECT_NOT_FOUND') continue
            broken.push({ key, error })
          }
        }
        verifications.sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
        entries.push({ ...manifest, held: held.has(name), verifications })
      }
      entries.sort((a, b) => byAge(a.point, b.point))
      return { entries, damaged: broken }
    },
    listNotes: async (options) => {
      const [holds, verified] = await Promise.all([
        store.list(objectPrefixes.holds, options),
        store.list(objectPrefixes.verified, options),
      ])
      const about = (name: string) => objectKey(`${objectPrefixes.points}${name}`)
      return [
        ...holds.map(({ key }) => ({ key, pointKey: about(key.slice(objectPrefixes.holds.length)) })),
        ...verified.map(({ key }) => ({ key, pointKey: about(aboutVerified(key)) })),
      ]
    },
    checkCopies: manifests.checkCopies,
    mendCopies: manifests.mendCopies,
    write: async (point, options) => {
      const entry = await manifests.write(point, options)
      await store.sync(options)
      return entry
    },
    remove: async (entry, options) => {
      await manifests.remove(entry.key, options)
      const name = entry.key.slice(objectPrefixes.points.length)
      const about = await store.list(`${objectPrefixes.verified}${name}/`, options)
      for (const info of about) await store.remove(info.key, options)
    },
    hold: async (entry, held, options) => {
      const key = holdKey(tagOf(entry.point), entry.point.id)
      if (!held) return store.remove(key, options)
      if ((await store.stat(key, options)) !== undefined) return
      await store.put(key, [new Uint8Array()], options)
      await store.sync(options)
    },
    addVerification: async (entry, verification, options) => {
      const key = verifiedKey(tagOf(entry.point), entry.point.id, toHex(envelope.randomBytes(8)))
      await store.put(key, sealEnvelope(key, [encodeVerification(verification)], envelope), options)
      await store.sync(options)
      return key
    },
  }
}

/** The point that a verification is about, as `<machine>/<point>`. */
function aboutVerified(key: ObjectKey): string {
  return key.slice(objectPrefixes.verified.length, key.lastIndexOf('/'))
}

/** Orders points, oldest first; ids name only the second, so that they cannot. */
export function byAge(a: RecoveryPoint, b: RecoveryPoint): number {
  return Date.parse(a.takenAt) - Date.parse(b.takenAt) || (a.id < b.id ? -1 : 1)
}

/**
 * Finds a point by id, unique start of an id, `machine@latest` or `machine@<start of id>`.
 *
 * @throws BackupError `E_POINT_NOT_FOUND`, `E_POINT_AMBIGUOUS`
 */
export function choosePoint(entries: readonly PointEntry[], wanted: string, clock: Pick<Clock, 'now'>): PointEntry {
  const at = wanted.lastIndexOf('@')
  const machine = at > 0 ? wanted.slice(0, at) : undefined
  const start = at > 0 ? wanted.slice(at + 1) : wanted
  const ofMachine = entries.filter(
    (entry) => machine === undefined || entry.point.machine.name === machine || entry.point.machine.id === machine,
  )
  if (machine !== undefined && start === 'latest') {
    // A point dated in the future may be forged: it is never what "latest" means while others exist.
    const credible = ofMachine.filter((entry) => Date.parse(entry.point.takenAt) <= clock.now().getTime() + 86_400_000)
    const latest = (credible.length > 0 ? credible : ofMachine).at(-1)
    if (latest !== undefined) return latest
  }
  const found = start === 'latest' ? [] : ofMachine.filter((entry) => entry.point.id.startsWith(start))
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  if (found.length > 1) {
    throw new BackupError('E_POINT_AMBIGUOUS', `'${wanted}' fits ${found.length} recovery points.`, {
      hint: `Write more of the id: ${found
        .slice(0, 5)
        .map((entry) => entry.point.id)
        .join(', ')}.`,
    })
  }
  const machines = [...new Set(entries.map((entry) => entry.point.machine.name))]
  throw new BackupError('E_POINT_NOT_FOUND', `No recovery point is called '${wanted}'.`, {
    hint:
      machines.length === 0
        ? 'The repository holds no points yet.'
        : `See 'holdfast list'; machines here: ${machines.slice(0, 8).join(', ')}.`,
  })
}
