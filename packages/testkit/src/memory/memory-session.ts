import { BackupError, type CallOptions, type ObjectKey, type TargetSession } from '@holdfast/core'
import type { MediaRow } from './memory-media.js'
import { type MemoryObjects, memoryObjects } from './memory-objects.js'
import { type MemoryTargetHost, memoryGet, memoryList, memoryPut, memoryRemove } from './memory-operations.js'

/** Objects, and the media that they are on. */
export interface MemoryPlace {
  readonly objects: MemoryObjects
  readonly media: MediaRow | undefined
}

/** What a session of a memory target does beside storing. */
export interface MemorySessionHost extends Omit<MemoryTargetHost, 'objects'> {
  readonly pause: (signal: AbortSignal) => Promise<void>
  readonly hasMedia: boolean
  readonly ordering: boolean
  readonly removes: boolean
  readonly sync: boolean
  /** Where objects are; undefined before anything was put. */
  readonly place: () => MemoryPlace | undefined
  /** Where objects are put. */
  readonly placeForPut: () => MemoryPlace
}

/** Makes a session without sets. */
export function memorySession(host: MemorySessionHost): TargetSession {
  const { id, pause, sync, immutability, capacityBytes } = host
  const nothing = memoryObjects()
  const objects = () => host.place()?.objects ?? nothing
  const operands = () => ({ ...host, objects: objects() })
  const unsynced = new Set<ObjectKey>()
  const needed = async (keys: readonly ObjectKey[], options: CallOptions) => {
    const media = host.place()?.media
    if (media !== undefined) return media.facet.needed(keys, options)
    const [first] = keys
    if (first !== undefined) throw new BackupError('E_OBJECT_NOT_FOUND', `There is no object ${first}.`)
    return []
  }
  return {
    put: async (key, body, call) => {
      await pause(call.signal)
      const place = host.placeForPut()
      await memoryPut({ ...host, objects: place.objects }, key, body, call)
      if (call.isBulk === true) place.media?.place(key, place.objects.info(key)?.sizeBytes ?? 0)
      if (sync) unsynced.add(key)
    },
    get: async function* (key, call) {
      await pause(call.signal)
      host.place()?.media?.expectOnline(key)
      yield* memoryGet(operands(), key, call)
    },
    stat: async (key, call) => {
      await pause(call.signal)
      return objects().info(key)
    },
    list: async function* (prefix, call) {
      await pause(call.signal)
      yield* memoryList(operands(), prefix, call)
    },
    remove: async (key, call) => {
      await pause(call.signal)
      if (!host.removes) throw new BackupError('E_UNSUPPORTED', 'This target keeps what was put there.', { plugin: id })
      memoryRemove(operands(), key)
    },
    ...(sync && {
      sync: async (call) => {
        await pause(call.signal)
        unsynced.clear()
      },
    }),
    ...(immutability && { immutability: { retainUntil: async (key, until) => objects().lock(key, until) } }),
    ...(host.ordering && { ordering: { order: async (keys) => objects().inStorageOrder(keys) } }),
    ...(capacityBytes !== undefined && {
      capacity: {
        capacity: async () => ({ totalBytes: capacityBytes, freeBytes: capacityBytes - objects().usedBytes() }),
      },
    }),
    ...(host.hasMedia && { media: { needed } }),
    [Symbol.asyncDispose]: async () => {
      for (const key of unsynced) objects().drop(key)
      unsynced.clear()
    },
  }
}
