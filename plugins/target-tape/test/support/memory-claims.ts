import type { Claims } from '../../src/library/claims.js'

/** Claims of one process. */
export function memoryClaims(): Claims {
  const taken = new Set<string>()
  return {
    take: (name) => {
      if (taken.has(name)) return undefined
      taken.add(name)
      return { [Symbol.dispose]: () => taken.delete(name) }
    },
  }
}
