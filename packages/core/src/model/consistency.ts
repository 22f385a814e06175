/** How well applications would start from a capture, best first: `application` > `filesystem` > `crash`. */
export type Consistency = 'application' | 'filesystem' | 'crash'

const rank = { crash: 0, filesystem: 1, application: 2 } as const

/** Picks the stronger of two consistencies: hooks that reached more raise what the capture alone has. */
export function strongerConsistency(a: Consistency, b: Consistency): Consistency {
  return rank[a] >= rank[b] ? a : b
}
