import { objectKey } from '../contract/object-key.js'
import type { ObjectKey, PointId } from '../model/ids.js'

/** Where each kind of object lives on a target; normative in `docs/spec/repository.md`, section "Objects". */
export const objectPrefixes = {
  keys: 'keys/',
  packs: 'packs/',
  index: 'index/',
  points: 'points/',
  pointCopies: 'point-copies/',
  verified: 'verified/',
  holds: 'holds/',
  writers: 'writers/',
  condemned: 'condemned/',
} as const

/** The repository's description, and its twin in case the first is damaged. */
export const descriptionKeys: readonly [ObjectKey, ObjectKey] = [
  objectKey('holdfast.json'),
  objectKey('holdfast-copy.json'),
]

/** Text for whoever finds the target. */
export const readmeKey: ObjectKey = objectKey('README.txt')
/** Program that restores without Holdfast. */
export const restoreScriptKey: ObjectKey = objectKey('restore.mjs')

/** A key object and its twin: losing the only copy of a key would lose everything. */
export function keyObjectKeys(id: string): readonly [ObjectKey, ObjectKey] {
  return [objectKey(`keys/${id}`), objectKey(`keys/${id}-copy`)]
}

/** A pack; the first two digits spread packs over folders. */
export function packKey(packId: string): ObjectKey {
  return objectKey(`packs/${packId.slice(0, 2)}/${packId}`)
}

/** An index object. */
export function indexKey(id: string): ObjectKey {
  return objectKey(`index/${id}`)
}

/** `machineTag` stands for the machine: its name may be secret, or no legal key. */
export function pointKey(machineTag: string, id: PointId): ObjectKey {
  return objectKey(`points/${machineTag}/${id}`)
}

/** The copy of a point's manifest: losing the manifest would lose the point. */
export function pointCopyKey(point: ObjectKey): ObjectKey {
  return objectKey(`${objectPrefixes.pointCopies}${point.slice(objectPrefixes.points.length)}`)
}

/** The point that a copy belongs to. */
export function copiedPointKey(copy: ObjectKey): ObjectKey {
  return objectKey(`${objectPrefixes.points}${copy.slice(objectPrefixes.pointCopies.length)}`)
}

/** A note that a point was verified. */
export function verifiedKey(machineTag: string, id: PointId, suffix: string): ObjectKey {
  return objectKey(`verified/${machineTag}/${id}/${suffix}`)
}

/** The note that holds a point. */
export function holdKey(machineTag: string, id: PointId): ObjectKey {
  return objectKey(`holds/${machineTag}/${id}`)
}

/** A writer's lease, numbered by its renewals. */
export function writerKey(id: string, beat: number): ObjectKey {
  return objectKey(`writers/${id}-${beat}`)
}

/** A condemnation. */
export function condemnedKey(id: string): ObjectKey {
  return objectKey(`condemned/${id}`)
}

/** The last part of a key. */
export function keyName(key: ObjectKey): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
