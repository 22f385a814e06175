import type { CallOptions } from '../contract/context.js'
import { isBackupError } from '../contract/errors.js'
import type { ChunkIndex } from '../repository/chunk-index.js'
import type { Repository } from '../repository/repository.js'
import { sharedCalls } from './shared-calls.js'
import { betterIndex } from './whole-index.js'

/** An index for whoever reads for hours: it is loaded anew when a prune has moved what it knew. */
export interface LivingIndex extends Pick<ChunkIndex, 'find'> {
  /** Does something, and once more when it failed with an index for which there is a better one by now. */
  readonly retrying: <T>(action: () => Promise<T>, options: CallOptions) => Promise<T>
  readonly close: (reason: unknown) => Promise<void>
}

/** What is lost for good is not looked for more often than this. */
const lookAgainMs = 60_000

const mostRemembered = 10_000

/** The one call that is shared. */
const theIndex = 'index'

/** Keeps an index that was loaded. */
export function livingIndex(repository: Repository, loaded: ChunkIndex): LivingIndex {
  let index = loaded
  let version = 0
  const reloads = sharedCalls<boolean>()
  const lookedFor = new Map<string, number>()

  const reload = async (error: unknown, options: CallOptions): Promise<boolean> => {
    const better = await betterIndex(repository, index, error, options)
    if (better === undefined) return false
    index = better
    version++
    return true
  }

  /** Tells whether there is a better index than the one that an action failed with. */
  const hasBetter = async (error: unknown, used: number, options: CallOptions): Promise<boolean> => {
    options.signal.throwIfAborted()
    const missing = missingObject(error)
    if (missing === undefined) return false
    if (version !== used) return true
    const now = repository.clock.now().getTime()
    const lastMs = lookedFor.get(missing) ?? Number.NEGATIVE_INFINITY
    if (!reloads.has(theIndex) && now - lastMs < lookAgainMs) return false
    if (lookedFor.size >= mostRemembered) lookedFor.clear()
    lookedFor.set(missing, now)
    return await reloads.join(theIndex, (inner) => reload(error, inner), options)
  }

  return {
    find: (id) => index.find(id),
    retrying: async (action, options) => {
      const used = version
      try {
        return await action()
      } catch (error) {
        if (!(await hasBetter(error, used, options))) throw error
        return await action()
      }
    },
    close: reloads.close,
  }
}

/** Names the object that is not where the index says, or the chunk that the index does not list. */
function missingObject(error: unknown): string | undefined {
  if (!isBackupError(error)) return undefined
  const { object, key } = error.context
  if (error.code === 'E_OBJECT_NOT_FOUND') return String(key ?? object ?? error.message)
  if (typeof object === 'string' && object.startsWith('chunk ')) return object
  return missingObject(error.cause)
}
