import { posix } from 'node:path'
import { namedPaths } from '@holdfast/machine-files'
import { type FolderRules, namingRoots } from './folder-rules.js'

/**
 * Returns the paths that an image may have by what a machine's description says, as far as the rules allow them, the best first.
 *
 * A path that the rules allow is meant as stated. Of one that leads elsewhere, and of `[datastore] folder/name`, the last
 * parts count, beside the description: that is where a machine that was copied here has its disks.
 */
export async function describedPaths(stated: string, by: string, rules: FolderRules): Promise<readonly string[]> {
  const roots = await namingRoots(rules)
  const paths = new Set<string>()
  for (const name of [stated, decoded(stated), ...withoutDatastore(stated)])
    for (const path of await namedPaths(name, by, roots)) paths.add(path)
  if (paths.size > 0 || !isFileElsewhere(stated)) return [...paths]
  return namedPaths(posix.basename(stated), by, roots)
}

/** The names in OVF are URLs to the letter, and paths in practice. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** `[datastore] a/b/c.vmdk` may be `a/b/c.vmdk`, `b/c.vmdk` or `c.vmdk` here. */
function withoutDatastore(name: string): readonly string[] {
  const [, path] = /^\[[^\]]*\]\s*(\S.*)$/s.exec(name) ?? []
  const parts = path?.split('/').filter((part) => part !== '') ?? []
  return parts.map((_, first) => parts.slice(first).join('/'))
}

/** Devices have the names that their host gave them: an equal one here is by chance. */
function isFileElsewhere(name: string): boolean {
  return /^(file:(\/\/)?)?\//.test(name) && !posix.normalize(name).startsWith('/dev/')
}
