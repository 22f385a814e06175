import type { CallOptions } from '../contract/context.js'
import type { MediaSet, MediaSetsFacet } from '../contract/media.js'
import type { ObjectStore } from '../repository/object-store.js'
import { openRepository, type Repository, type RepositoryAccess } from '../repository/repository.js'
import type { EngineHost } from './host.js'
import {
  naming,
  type OpenRepositoryOptions,
  openSession,
  openTargetRepository,
  repositoryAccess,
  storeOf,
  type TargetAccess,
} from './open-target.js'
import { resourceStack } from './resource-stack.js'
import { waitForAll } from './wait-for-all.js'

/** A repository of a target, and the media set that it is in, where there are such. */
export interface SetRepository {
  readonly set: MediaSet | undefined
  readonly store: ObjectStore
  readonly repository: Repository
}

/** All repositories of a target, oldest set first. Disposal closes them. */
export interface OpenRepositories extends AsyncDisposable {
  readonly repositories: readonly SetRepository[]
  /** Sets whose repository could not be opened. */
  readonly unreadable: readonly { readonly set: MediaSet; readonly error: unknown }[]
}

/** Keys are derived in the few threads that Node has for it: more at once would only take memory. */
const setsAtOnce = 4

/**
 * Opens all that a target holds: every media set, for reading, or its one repository.
 *
 * One session to the target serves all sets.
 */
export async function openTargetRepositories(
  target: TargetAccess,
  host: EngineHost,
  options: Omit<OpenRepositoryOptions, 'keepUntil'>,
): Promise<OpenRepositories> {
  if (!target.plugin.capabilities.sets) {
    const { store, repository, ...opened } = await openTargetRepository(target, host, options)
    return { repositories: [{ set: undefined, store, repository }], unreadable: [], ...opened }
  }
  const resources = resourceStack()
  try {
    const [session, access] = await Promise.all([
      openSession(target, host, options),
      repositoryAccess(target, host, options),
    ])
    resources.use(session)
    const { sets } = session
    const listed = sets === undefined ? [] : await sets.list(options)
    const queue = [...listed.entries()]
    const found = new Map<number, SetRepository | { readonly error: unknown }>()
    const openNext = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && sets !== undefined; next = queue.shift()) {
        const [at, set] = next
        try {
          found.set(at, await openSet(set, sets, target, access, host, resources.use, options))
        } catch (error) {
          options.signal.throwIfAborted()
          found.set(at, { error: naming(target.name, error, set.id) })
        }
      }
    }
    await waitForAll(Array.from({ length: setsAtOnce }, openNext))
    const outcomes = listed.map((set, at) => ({ set, ...(found.get(at) ?? { error: undefined }) }))
    return {
      repositories: outcomes.filter((outcome) => 'repository' in outcome),
      unreadable: outcomes.filter((outcome) => 'error' in outcome),
      [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
    }
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw naming(target.name, error)
  }
}

async function openSet(
  set: MediaSet,
  sets: MediaSetsFacet,
  { plugin }: TargetAccess,
  access: RepositoryAccess,
  host: EngineHost,
  use: <T extends AsyncDisposable>(resource: T) => T,
  options: CallOptions,
): Promise<SetRepository> {
  const session = use(await sets.open(set.id, options))
  // Nothing can be written there: readers leave no signs of life, and there is no prune that would look for them.
  const store = { ...storeOf(session, { ...plugin.capabilities, removes: false }, host, {}), isReadOnly: true }
  return { set, store, repository: await openRepository(store, access, options) }
}
