import { realpath } from 'node:fs/promises'
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path'

/**
 * Returns the paths that a name in a file may stand for, as far as they lie below `roots`, the best first.
 *
 * A relative name starts from the folder of the file that states it, and then from where that folder really is. Of an
 * absolute Windows path the last part counts, beside that file: that is where a machine that was moved here has its disks.
 * Links are not looked at.
 */
export async function namedPaths(name: string, from: string, roots: readonly string[]): Promise<readonly string[]> {
  if (name.includes('\0')) return []
  const folders = new Set([dirname(from), await realOr(dirname(from))])
  const paths = new Set([...folders].map((folder) => resolve(folder, localName(name))))
  return [...paths].filter((path) => roots.some((root) => isBelow(root, path)))
}

/** Tells whether a path lies below a folder, by its text alone. */
export function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
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
