import type { CallOptions } from '../contract/context.js'
import type { ObjectInfo } from '../contract/target.js'
import type { ObjectStore } from './object-store.js'

/**
 * Lists objects that others may be replacing: the new one is stored before the old one is removed, yet a listing that runs
 * meanwhile may show neither. So it lists until nothing new shows. Spec: "Pruning beside writers".
 */
export async function listReplaced(
  store: Pick<ObjectStore, 'list'>,
  prefix: string,
  options: CallOptions,
): Promise<readonly ObjectInfo[]> {
  let listed = await store.list(prefix, options)
  for (;;) {
    const keys = new Set(listed.map(({ key }) => key))
    const again = await store.list(prefix, options)
    // What only the first one shows may be gone by now; whoever reads it finds out, and lists again.
    if (again.every(({ key }) => keys.has(key))) return listed
    listed = again
  }
}
