import { BackupError, type ObjectInfo, type ObjectKey } from '@holdfast/core'

/** An object as a memory target keeps it. */
export interface MemoryObject {
  readonly bytes: Uint8Array
  readonly modifiedAt: Date
  /** Place in the order of storing. */
  readonly sequence: number
  readonly lockedUntil?: Date
}

/** The objects of a memory target, for its sessions and for tests that look beneath them. */
export interface MemoryObjects {
  readonly keys: () => readonly ObjectKey[]
  readonly find: (key: ObjectKey) => MemoryObject | undefined
  readonly info: (key: ObjectKey) => ObjectInfo | undefined
  /** Stores bytes whether or not the key is taken: what a test does to damage an object. */
  readonly overwrite: (key: ObjectKey, bytes: Uint8Array, modifiedAt?: Date) => void
  /** Removes an object whether or not it is locked. */
  readonly drop: (key: ObjectKey) => void
  readonly lock: (key: ObjectKey, until: Date) => void
  readonly inStorageOrder: (keys: readonly ObjectKey[]) => readonly ObjectKey[]
  readonly usedBytes: () => number
}

/** Makes an empty store of objects. */
export function memoryObjects(): MemoryObjects {
  const objects = new Map<ObjectKey, MemoryObject>()
  let stored = 0
  const sequenceOf = (key: ObjectKey): number => objects.get(key)?.sequence ?? 0
  return {
    keys: () => [...objects.keys()],
    find: (key) => objects.get(key),
    info: (key) => {
      const object = objects.get(key)
      return object && { key, sizeBytes: object.bytes.length, modifiedAt: object.modifiedAt }
    },
    overwrite: (key, bytes, modifiedAt = new Date()) => {
      objects.set(key, { bytes, modifiedAt, sequence: ++stored })
    },
    drop: (key) => {
      objects.delete(key)
    },
    lock: (key, until) => {
      const object = objects.get(key)
      if (object === undefined) throw new BackupError('E_OBJECT_NOT_FOUND', `There is no object ${key}.`)
      if (object.lockedUntil === undefined || object.lockedUntil < until)
        objects.set(key, { ...object, lockedUntil: until })
    },
    inStorageOrder: (keys) => [...keys].sort((a, b) => sequenceOf(a) - sequenceOf(b)),
    usedBytes: () => [...objects.values()].reduce((sum, { bytes }) => sum + bytes.length, 0),
  }
}
