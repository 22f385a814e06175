import { isMapping, type KeyPath } from './key-path.js'
import type { Problem } from './problem.js'
import { suggestion } from './suggest.js'

/** Finds pipelines that name a target which is not declared, or the same one twice. */
export function targetNameProblems(config: unknown): Problem[] {
  const targets = isMapping(config) ? config['targets'] : undefined
  const pipelines = isMapping(config) ? config['pipelines'] : undefined
  if (!isMapping(targets) || !isMapping(pipelines)) return []
  return Object.entries(pipelines).flatMap(([name, pipeline]) => {
    const uses = isMapping(pipeline) ? pipeline['targets'] : undefined
    return Array.isArray(uses) ? namesIn(uses, Object.keys(targets), ['pipelines', name, 'targets']) : []
  })
}

function namesIn(uses: readonly unknown[], declared: readonly string[], path: KeyPath): Problem[] {
  const seen = new Set<string>()
  return uses.flatMap((use, index): Problem[] => {
    const name = isMapping(use) ? use['to'] : use
    const at = isMapping(use) ? [...path, index, 'to'] : [...path, index]
    if (typeof name !== 'string') return []
    if (!declared.includes(name)) {
      return [
        {
          path: at,
          message: 'names no target of this configuration.',
          hint: suggestion(name, declared, 'Targets here'),
        },
      ]
    }
    if (seen.has(name)) {
      return [{ path: at, message: 'names a target that the pipeline already has.', hint: 'Remove one of the two.' }]
    }
    seen.add(name)
    return []
  })
}
