import type { CallOptions, Entry } from './filesystem.js'
import { FilesystemError } from './filesystem-error.js'

/** Finds one name in a directory. Called: with directories only. */
export type Lookup = (directory: Entry, name: string, options: CallOptions) => Promise<Entry | undefined>

/** Walks from the root along a path; the `find` of every file system. */
export async function findByPath(root: Entry, path: string, lookup: Lookup, options: CallOptions): Promise<Entry> {
  let entry = root
  for (const name of path.split('/')) {
    if (name === '') continue
    options.signal.throwIfAborted()
    assertDirectory(entry)
    const next = await lookup(entry, name, options)
    if (next === undefined) throw new FilesystemError('not-found', `There is no ${name} in ${entry.path}.`, { path })
    if (next.problem !== undefined) throw next.problem
    entry = next
  }
  return entry
}

/** @throws FilesystemError `not-a-directory` */
export function assertDirectory(entry: Entry): void {
  if (entry.type !== 'directory') throw wrongType('not-a-directory', entry, 'a directory')
}

/** @throws FilesystemError `not-a-file` */
export function assertFile(entry: Entry): void {
  if (entry.type !== 'file') throw wrongType('not-a-file', entry, 'a regular file')
}

/** @throws FilesystemError `not-a-symlink` */
export function assertSymlink(entry: Entry): void {
  if (entry.type !== 'symlink') throw wrongType('not-a-symlink', entry, 'a symbolic link')
}

function wrongType(code: 'not-a-directory' | 'not-a-file' | 'not-a-symlink', entry: Entry, wanted: string) {
  if (entry.problem !== undefined) return entry.problem
  const { path, type } = entry
  return new FilesystemError(code, `${path} is not ${wanted} but of type ${type}.`, { path })
}
