/** Tags of tasks that nobody waits for any more, and that the target may still talk about. */
export interface ForgottenTags {
  readonly add: (tag: number) => void
  readonly has: (tag: number) => boolean
}

/** Older ones are dropped: a target that talks about them breaks the rules. */
const mostTags = 256

/** Makes a list of forgotten tags. */
export function createForgottenTags(): ForgottenTags {
  const tags = new Set<number>()
  return {
    add: (tag) => {
      tags.add(tag)
      const [oldest] = tags
      if (tags.size > mostTags && oldest !== undefined) tags.delete(oldest)
    },
    has: (tag) => tags.has(tag),
  }
}
