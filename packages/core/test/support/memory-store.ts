import { BackupError } from '../../src/contract/errors.js'
import type { ObjectKey } from '../../src/model/ids.js'
import type { ObjectStore } from '../../src/repository/object-store.js'

/** How a store in memory behaves. */
export interface MemoryStoreOptions {
  /** The target's clock. */
  readonly now?: () => number
  /** Runs within a listing: after the names were looked up, and before it is asked what each of them is. */
  readonly whileListing?: () => Promise<void> | undefined
}

/** Makes a store in memory; like a folder, a listing leaves out what has gone since its name was read. */
export function memoryStore({ now = Date.now, whileListing }: MemoryStoreOptions = {}) {
  const objects = new Map<string, { readonly bytes: Buffer; readonly at: number }>()
  const store: Pick<ObjectStore, 'put' | 'get' | 'list' | 'remove'> = {
    put: async (key, parts) => void objects.set(key, { bytes: Buffer.concat(parts), at: now() }),
    get: async function* (key) {
      const object = objects.get(key)
      if (object === undefined) throw new BackupError('E_OBJECT_NOT_FOUND', key)
      yield object.bytes
    },
    list: async (prefix) => {
      const names = [...objects.keys()].filter((key) => key.startsWith(prefix))
      await whileListing?.()
      return names.flatMap((key) => {
        const object = objects.get(key)
        if (object === undefined) return []
        return [{ key: key as ObjectKey, sizeBytes: object.bytes.length, modifiedAt: new Date(object.at) }]
      })
    },
    remove: async (key) => void objects.delete(key),
  }
  return { store: { capabilities: { maxConcurrency: 4, removes: true }, ...store } as ObjectStore, objects }
}
