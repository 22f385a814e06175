import type { Entry } from './filesystem.js'
import { FilesystemError } from './filesystem-error.js'

/** Remembers what a file system knows about the entries that it gave out, for as long as somebody holds them. */
export interface EntryStore<T extends object> {
  readonly add: (entry: Entry, known: T) => Entry
  /** @throws FilesystemError `not-found` for an entry of another file system, or the problem of the entry */
  readonly of: (entry: Entry) => T
}

/** Makes the store of one file system. */
export function entryStore<T extends object>(): EntryStore<T> {
  const all = new WeakMap<Entry, T>()
  return {
    add: (entry, known) => {
      all.set(entry, known)
      return entry
    },
    of: (entry) => {
      if (entry.problem !== undefined) throw entry.problem
      const known = all.get(entry)
      if (known !== undefined) return known
      throw new FilesystemError('not-found', 'The entry was not made by this file system.', { path: entry.path })
    },
  }
}

/** Path of a name in a directory. */
export function pathIn(directory: Entry, name: string): string {
  return directory.path === '/' ? `/${name}` : `${directory.path}/${name}`
}
