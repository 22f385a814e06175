import { realpath } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { type FolderRules, isBelow } from './folder-rules.js'

/**
 * Returns the paths that a name inside an image may stand for, as far as the rules allow them, the best first.
 *
 * A relative name starts from the folder of the file that states it, and then from where that folder really is. Of an
 * absolute Windows path the last part counts, beside the image: that is where a machine that was moved here has its disks.
 */
export async function namedPaths(name: string, from: string, rules: FolderRules): Promise<readonly string[]> {
  if (name.includes('\0')) return []
  const folders = new Set([dirname(from), await realOr(dirname(from))])
  const allowed = [rules.folder, await realOr(rules.folder), ...rules.parentsIn]
  const paths = new Set([...folders].map((folder) => resolve(folder, localName(name))))
  return [...paths].filter((path) => allowed.some((folder) => isBelow(folder, path)))
}

/** Names of other systems as this one has them. */
function localName(name: string): string {
  if (!name.includes('\\')) return name.replace(/^file:(\/\/)?(?=\/)/, '')
  const parts = name.split('\\')
  const isFull = /^([A-Za-z]:|\\\\)/.test(name)
  return isFull ? basename(parts.at(-1) ?? '') : parts.join('/')
}

async function realOr(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}
