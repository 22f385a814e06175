/** The way to a value from the top of a configuration: keys and list positions. */
export type KeyPath = readonly (string | number)[]

/** Writes a path as people do: `pipelines.nightly.transforms[0].with.level`. */
export function formatKeyPath(path: KeyPath): string {
  return path.map(formatPart).join('')
}

/** Gives the value at a path, or `undefined` where there is none. */
export function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = Reflect.get(value, part)
  }
  return value
}

/** Tells whether `path` is `prefix` or lies below it. */
export function isAtOrBelow(path: KeyPath, prefix: KeyPath): boolean {
  return prefix.length <= path.length && prefix.every((part, index) => path[index] === part)
}

/** Tells whether a value is a mapping: an object that is no list. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function formatPart(part: string | number, index: number): string {
  if (typeof part === 'number') return `[${part}]`
  if (!/^[\w$@/-]{1,80}$/.test(part)) return `[${JSON.stringify(part.length > 80 ? `${part.slice(0, 80)}…` : part)}]`
  return index === 0 ? part : `.${part}`
}
