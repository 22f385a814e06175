import { type TargetPlugin, wrapTarget } from '@holdfast/core'

/** A target that from one moment on does nothing more, as if the process that used it had been killed. */
export interface StoppingTarget {
  readonly plugin: TargetPlugin
  /** Writes and removals that went through. */
  readonly changes: () => number
}

/** Stops `inner` after a number of changes; `onStop` is called once. */
export function stoppingTarget(
  inner: TargetPlugin,
  afterChanges: number,
  onStop: () => void = () => {},
): StoppingTarget {
  let changes = 0
  let isDead = false
  const alive = () => {
    if (isDead) throw new Error('the process is dead')
  }
  const change = () => {
    alive()
    if (changes === afterChanges) {
      isDead = true
      onStop()
      throw new Error('killed')
    }
    changes++
  }
  const plugin = wrapTarget(inner, (session) => ({
    put: async (key, body, options) => {
      change()
      await session.put(key, body, options)
    },
    remove: async (key, options) => {
      change()
      await session.remove(key, options)
    },
    get: async function* (key, options) {
      alive()
      yield* session.get(key, options)
    },
    stat: async (key, options) => {
      alive()
      return session.stat(key, options)
    },
    list: async function* (prefix, options) {
      alive()
      yield* session.list(prefix, options)
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  }))
  return { plugin, changes: () => changes }
}
