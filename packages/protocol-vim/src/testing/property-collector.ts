import { integerAt, membersOf, present, refAt, refOf, textAt } from '../wire/members.js'
import { type MoRef, moRef, type VimObject, type VimValue } from '../wire/vim-value.js'
import type { XmlElement } from '../wire/xml-element.js'
import { fakeFault } from './fake-fault.js'
import type { FakeObjects } from './fake-objects.js'
import type { FakeCall } from './soap-server.js'

/** Methods of a fake, by name. */
export type FakeMethods = Readonly<Record<string, (call: FakeCall) => VimValue | Promise<VimValue>>>

interface Filter {
  readonly ref: MoRef
  readonly paths: readonly string[]
  /** Changes of the object that were told. */
  told: number
}

/** Views, and the property collector that reads through them (vSphere Web Services API, `PropertyCollector`). */
export function propertyCollectorMethods(objects: FakeObjects): FakeMethods {
  const pages = new Map<string, readonly VimObject[]>()
  const filters = new Map<string, Filter[]>()
  const views = new Map<string, { readonly type: string | undefined; readonly container: string | undefined }>()
  let made = 0
  const newId = (kind: string) => {
    made += 1
    return `session[fake]${kind}-${made}`
  }

  const objectsOf = (spec: XmlElement): readonly VimObject[] => {
    const paths = pathsOf(spec)
    return membersOf(spec, 'objectSet').flatMap((each) => {
      const ref = refOf(
        present(
          each.children.find(({ name }) => name === 'obj'),
          'obj',
        ),
      )
      const found = ref.type === 'ContainerView' ? viewed(ref) : [ref]
      return found.map((one) => contentOf(objects, one, paths))
    })
  }
  /** What a view shows: not the container itself. */
  const viewed = (ref: MoRef): readonly MoRef[] => {
    const view = views.get(ref.value)
    if (view === undefined) throw fakeFault('ManagedObjectNotFound', 'The view is gone.')
    return objects.ofType(view.type ?? 'VirtualMachine').filter(({ value }) => value !== view.container)
  }
  const paged = (all: readonly VimObject[], size: number): VimObject | undefined => {
    if (all.length === 0) return undefined
    const rest = all.slice(size)
    const token = rest.length === 0 ? undefined : newId('page')
    if (token !== undefined) pages.set(token, rest)
    return { token, objects: all.slice(0, size) }
  }
  const sizes = new Map<string, number>()

  return {
    CreateContainerView: ({ args }) => {
      const ref = objects.put(moRef('ContainerView', newId('view')))
      views.set(ref.value, { type: textAt(args, 'type'), container: textAt(args, 'container') })
      return ref
    },
    DestroyView: ({ self }) => {
      views.delete(self.value)
      objects.remove(self)
      return undefined
    },
    RetrievePropertiesEx: ({ args }) => {
      const size = integerAt(args, 'options.maxObjects') ?? 1000
      const page = paged(membersOf(args, 'specSet').flatMap(objectsOf), size)
      if (typeof page?.['token'] === 'string') sizes.set(page['token'], size)
      return page
    },
    ContinueRetrievePropertiesEx: ({ args }) => {
      const token = textAt(args, 'token') ?? ''
      const rest = pages.get(token)
      const size = sizes.get(token) ?? 1000
      if (rest === undefined) throw fakeFault('InvalidArgument', 'A specified parameter was not correct: token')
      pages.delete(token)
      const page = paged(rest, size)
      if (typeof page?.['token'] === 'string') sizes.set(page['token'], size)
      return page
    },
    CancelRetrievePropertiesEx: ({ args }) => {
      pages.delete(textAt(args, 'token') ?? '')
      return undefined
    },
    CreatePropertyCollector: () => {
      const ref = objects.put(moRef('PropertyCollector', newId('collector')))
      filters.set(ref.value, [])
      return ref
    },
    DestroyPropertyCollector: ({ self }) => {
      filters.delete(self.value)
      objects.remove(self)
      return undefined
    },
    CreateFilter: ({ self, args }) => {
      const spec = present(
        args.children.find(({ name }) => name === 'spec'),
        'spec',
      )
      const ref = present(refAt(spec, 'objectSet.obj'), 'obj')
      // It must exist.
      objects.changes(ref)
      filters.get(self.value)?.push({ ref, paths: pathsOf(spec), told: -1 })
      return moRef('PropertyFilter', newId('filter'))
    },
    WaitForUpdatesEx: async ({ self, args, signal }) => {
      const own = filters.get(self.value)
      if (own === undefined) throw fakeFault('ManagedObjectNotFound', 'The collector is gone.')
      const until = AbortSignal.any([
        signal,
        AbortSignal.timeout((integerAt(args, 'options.maxWaitSeconds') ?? 60) * 1000),
      ])
      for (;;) {
        const news = own.filter(({ ref, told }) => objects.changes(ref) !== told)
        if (news.length > 0) return updateOf(objects, news)
        if (until.aborted || !objects.has(self)) return undefined
        await objects.changed(until)
      }
    },
  }
}

function pathsOf(spec: XmlElement): readonly string[] {
  return membersOf(spec, 'propSet').flatMap((each) => membersOf(each, 'pathSet').map(({ text }) => text))
}

function contentOf(objects: FakeObjects, ref: MoRef, paths: readonly string[]): VimObject {
  const propSet = paths.flatMap((name) => {
    const value = objects.get(ref, name)
    return value === undefined ? [] : [{ name, val: typed(value) }]
  })
  return { obj: ref, propSet }
}

function updateOf(objects: FakeObjects, filters: readonly Filter[]): VimObject {
  let version = 0
  const filterSet = filters.map((filter) => {
    filter.told = objects.changes(filter.ref)
    version += filter.told
    const changeSet = filter.paths.flatMap((name) => {
      const value = objects.get(filter.ref, name)
      return value === undefined ? [] : [{ name, op: 'assign', val: typed(value) }]
    })
    return { filter: moRef('PropertyFilter', 'filter'), objectSet: [{ kind: 'modify', obj: filter.ref, changeSet }] }
  })
  return { version: String(version), filterSet }
}

/** Gives a plain value the type that stands where any may. */
function typed(value: VimValue): VimValue {
  if (typeof value === 'string') return { _typeName: 'string', _value: value }
  if (typeof value === 'boolean') return { _typeName: 'boolean', _value: value }
  if (typeof value === 'number')
    return { _typeName: Number.isSafeInteger(value) && Math.abs(value) < 2 ** 31 ? 'int' : 'long', _value: value }
  if (value instanceof Date) return { _typeName: 'dateTime', _value: value.toISOString() }
  return value
}
