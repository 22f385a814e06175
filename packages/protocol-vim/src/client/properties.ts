import { isFault } from '../vim-error.js'
import { memberAt, membersOf, present, refAt, refOf, textAt } from '../wire/members.js'
import type { MoRef, VimObject } from '../wire/vim-value.js'
import type { XmlElement } from '../wire/xml-element.js'
import type { CallOptions } from './call-options.js'
import type { VimSession } from './vim-session.js'

/** What was found of a managed object. */
export interface ManagedObject {
  readonly ref: MoRef
  /** By path, such as `config.hardware.device`; those that are unset, or that the user may not see, are missing. */
  readonly properties: ReadonlyMap<string, XmlElement>
}

/** What to look for in an inventory. */
export interface InventoryQuery {
  /** Such as `VirtualMachine`. */
  readonly type: string
  readonly paths: readonly string[]
  /** Where to look. @defaultValue the root folder: everywhere */
  readonly under?: MoRef
}

const pageObjects = 100

/**
 * Lists the objects of a type in the inventory, page by page (vSphere Web Services API, `PropertyCollector.RetrievePropertiesEx`).
 *
 * @throws VimError what calls throw
 */
export async function* listObjects(
  session: VimSession,
  { type, paths, under }: InventoryQuery,
  { signal, timeoutMs }: CallOptions = {},
): AsyncGenerator<ManagedObject> {
  const call = { signal, ...(timeoutMs !== undefined && { timeoutMs }), isRepeatable: true }
  const { viewManager, rootFolder } = session.content
  const [made] = await session.call(
    viewManager,
    'CreateContainerView',
    { container: under ?? rootFolder, type: [type], recursive: true },
    call,
  )
  const view = refOf(present(made, 'the view'))
  try {
    const traversal: VimObject = {
      _typeName: 'TraversalSpec',
      name: 'view',
      type: 'ContainerView',
      path: 'view',
      skip: false,
    }
    const specSet = {
      propSet: [{ type, pathSet: paths }],
      objectSet: [{ obj: view, skip: true, selectSet: [traversal] }],
    }
    yield* pages(session, specSet, call)
  } finally {
    // The session may have ended, and the view with it.
    await session.call(view, 'DestroyView', {}, { timeoutMs: 10_000 }).catch(() => undefined)
  }
}

/** Reads properties of one object. @throws VimError what calls throw, `fault` with `ManagedObjectNotFound` when it is gone */
export async function readObject(
  session: VimSession,
  ref: MoRef,
  paths: readonly string[],
  options: CallOptions = {},
): Promise<ManagedObject> {
  const specSet = { propSet: [{ type: ref.type, pathSet: paths }], objectSet: [{ obj: ref }] }
  for await (const object of pages(session, specSet, { ...options, isRepeatable: true })) return object
  return { ref, properties: new Map() }
}

async function* pages(
  session: VimSession,
  specSet: VimObject,
  call: CallOptions & { readonly isRepeatable: boolean },
): AsyncGenerator<ManagedObject> {
  const { propertyCollector } = session.content
  const args = { specSet: [specSet], options: { maxObjects: pageObjects } }
  let [page] = await session.call(propertyCollector, 'RetrievePropertiesEx', args, call)
  let token: string | undefined
  try {
    for (;;) {
      token = textAt(page, 'token')
      for (const object of membersOf(page, 'objects')) yield readManagedObject(object)
      if (token === undefined) return // A page that was sent is not sent again.
      ;[page] = await session.call(
        propertyCollector,
        'ContinueRetrievePropertiesEx',
        { token },
        { ...call, isRepeatable: false },
      )
    }
  } finally {
    if (token !== undefined)
      await session
        .call(propertyCollector, 'CancelRetrievePropertiesEx', { token }, { timeoutMs: 10_000 })
        .catch(() => undefined)
  }
}

function readManagedObject(object: XmlElement): ManagedObject {
  const ref = present(refAt(object, 'obj'), 'the object')
  const properties = new Map<string, XmlElement>()
  for (const each of membersOf(object, 'propSet'))
    properties.set(present(textAt(each, 'name'), 'a name'), present(memberAt(each, 'val'), 'a value'))
  return { ref, properties }
}

/** How long a server holds an answer back when nothing changes. */
const longestWaitSeconds = 15

/**
 * Tells properties of an object at once, and again whenever one has changed (`PropertyCollector.WaitForUpdatesEx`). Goes on over expired
 * sessions and restarts of the server.
 *
 * @throws VimError what calls throw, `fault` with `ManagedObjectNotFound` when it is gone
 */
export async function* watchObject(
  session: VimSession,
  ref: MoRef,
  paths: readonly string[],
  { signal }: CallOptions = {},
): AsyncGenerator<ReadonlyMap<string, XmlElement>> {
  for (;;) {
    const since = session.logins()
    try {
      yield* updatesOf(session, ref, paths, signal)
      return
    } catch (error) {
      // What watched belonged to the session, and went with it.
      if (session.logins() === since || !isFault(error, 'ManagedObjectNotFound', 'InvalidCollectorVersion')) throw error
    }
  }
}

async function* updatesOf(
  session: VimSession,
  ref: MoRef,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<ReadonlyMap<string, XmlElement>> {
  const call = { signal, isRepeatable: true }
  // One of its own: a wait tells of all filters of a collector.
  const [made] = await session.call(session.content.propertyCollector, 'CreatePropertyCollector', {}, call)
  const collector = refOf(present(made, 'the collector'))
  try {
    const spec = { propSet: [{ type: ref.type, pathSet: paths }], objectSet: [{ obj: ref }] }
    await session.call(collector, 'CreateFilter', { spec, partialUpdates: false }, call)
    const known = new Map<string, XmlElement>()
    let version = ''
    for (;;) {
      const args = { version, options: { maxWaitSeconds: longestWaitSeconds } }
      const [updates] = await session.call(collector, 'WaitForUpdatesEx', args, call)
      // Where nothing came for as long as that, all is asked for anew: an update that was lost would be waited for in vain.
      version = textAt(updates, 'version') ?? ''
      if (updates === undefined) continue
      if (note(updates, known)) yield known
    }
  } finally {
    await session.call(collector, 'DestroyPropertyCollector', {}, { timeoutMs: 10_000 }).catch(() => undefined)
  }
}

function note(updates: XmlElement, known: Map<string, XmlElement>): boolean {
  let hasChanged = false
  for (const filter of membersOf(updates, 'filterSet'))
    for (const object of membersOf(filter, 'objectSet'))
      for (const change of membersOf(object, 'changeSet')) {
        const name = present(textAt(change, 'name'), 'the name of a change')
        const value = memberAt(change, 'val')
        if (value === undefined) known.delete(name)
        else known.set(name, value)
        hasChanged = true
      }
  return hasChanged
}
