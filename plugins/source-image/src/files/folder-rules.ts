import { isAbsolute, join, relative, sep } from 'node:path'

/** Where the files of a machine may lie. */
export interface FolderRules {
  /** The machine's folder. */
  readonly folder: string
  /** Further folders in which images may name their parents, extents and data files. */
  readonly parentsIn: readonly string[]
  readonly followSymlinks: boolean
}

/** Returns the absolute path of a file of the machine, given with `/` between its parts. */
export function pathInMachine({ folder }: FolderRules, file: string): string {
  return join(folder, ...file.split('/'))
}

/** Tells whether a path lies below a folder, by its text alone. */
export function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
