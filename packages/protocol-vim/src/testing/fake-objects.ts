import { EventEmitter, once } from 'node:events'
import { type MoRef, moRef, type VimObject, type VimValue } from '../wire/vim-value.js'
import { fakeFault } from './fake-fault.js'

/** The managed objects of a fake and their properties. */
export interface FakeObjects {
  /** Adds one under a new id, such as `vm-27`. */
  readonly add: (type: string, prefix: string, properties?: VimObject) => MoRef
  /** Adds one under an id of its own. */
  readonly put: (ref: MoRef, properties?: VimObject) => MoRef
  readonly remove: (ref: MoRef) => void
  readonly has: (ref: MoRef) => boolean
  /** All of a type, in the order in which they were added. */
  readonly ofType: (type: string) => readonly MoRef[]
  /** Sets a property, of any depth: `info.state`. */
  readonly set: (ref: MoRef, path: string, value: VimValue) => void
  /** Reads a property of any depth. @throws FakeFault `ManagedObjectNotFound` */
  readonly get: (ref: MoRef, path: string) => VimValue
  /** Counts up with each change of an object. */
  readonly changes: (ref: MoRef) => number
  /** Resolves when anything has changed, or the signal aborts. */
  readonly changed: (signal: AbortSignal) => Promise<void>
}

interface Held {
  readonly ref: MoRef
  properties: VimObject
  changes: number
}

/** Makes an empty collection. */
export function fakeObjects(): FakeObjects {
  const held = new Map<string, Held>()
  const events = new EventEmitter().setMaxListeners(0)
  let next = 20

  const find = ({ type, value }: MoRef): Held => {
    const found = held.get(value)
    if (found === undefined || found.ref.type !== type)
      throw fakeFault(
        'ManagedObjectNotFound',
        `The object '${type}:${value}' has already been deleted or has not been completely created`,
      )
    return found
  }
  const put: FakeObjects['put'] = (ref, properties = {}) => {
    held.set(ref.value, { ref, properties, changes: 0 })
    events.emit('changed')
    return ref
  }
  return {
    put,
    add: (type, prefix, properties) => {
      next += 1
      return put(moRef(type, `${prefix}-${next}`), properties)
    },
    remove: ({ value }) => {
      held.delete(value)
      events.emit('changed')
    },
    has: ({ value }) => held.has(value),
    ofType: (type) => [...held.values()].map(({ ref }) => ref).filter((ref) => ref.type === type),
    set: (ref, path, value) => {
      const found = find(ref)
      found.properties = withValue(found.properties, path.split('.'), value)
      found.changes += 1
      events.emit('changed')
    },
    get: (ref, path) => {
      let value: VimValue = find(ref).properties
      for (const name of path.split('.')) value = isObject(value) ? value[name] : undefined
      return value
    },
    changes: (ref) => find(ref).changes,
    changed: async (signal) => {
      await once(events, 'changed', { signal }).catch(() => undefined)
    },
  }
}

function withValue(object: VimObject, [name = '', ...rest]: readonly string[], value: VimValue): VimObject {
  if (rest.length === 0) return { ...object, [name]: value }
  const inner = object[name]
  return { ...object, [name]: withValue(isObject(inner) ? inner : {}, rest, value) }
}

function isObject(value: VimValue): value is VimObject {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date)
}
