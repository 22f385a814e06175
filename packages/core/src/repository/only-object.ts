import type { ObjectKey } from '../model/ids.js'
import type { ObjectStore } from './object-store.js'

/** Shows a store as if it listed one object alone: what reads all objects of a kind then reads just that one. */
export function onlyObject(store: ObjectStore, key: ObjectKey): ObjectStore {
  return { ...store, list: async (prefix, call) => (await store.list(prefix, call)).filter((info) => info.key === key) }
}
