import { isRelative, resolveRelative } from './imports.mjs'

/** @typedef {import('./imports.mjs').Import} Import */

/**
 * Finds files that import each other in a circle while loading; type-only and lazy imports do not count.
 *
 * @param {ReadonlyMap<string, readonly Import[]>} files
 * @returns {{ file: string, line: number, path: string[] }[]} One entry a circle, at the import that closes it.
 */
export function importCycles(files) {
  /** @type {{ file: string, line: number, path: string[] }[]} */
  const cycles = []
  const finished = new Set()
  /** @param {string} file @param {readonly string[]} path */
  const visit = (file, path) => {
    for (const { specifier, line, typeOnly, lazy } of files.get(file) ?? []) {
      if (typeOnly || lazy || !isRelative(specifier)) continue
      const next = resolveRelative(file, specifier)
      const at = path.indexOf(next)
      if (at >= 0) cycles.push({ file, line, path: [...path.slice(at), next] })
      else if (!finished.has(next)) visit(next, [...path, next])
    }
    finished.add(file)
  }
  for (const file of files.keys()) if (!finished.has(file)) visit(file, [file])
  return cycles
}
