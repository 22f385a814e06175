import { realpath } from 'node:fs/promises'
import { join } from 'node:path'

/** Where the files of a machine may lie. */
export interface FolderRules {
  /** The machine's folder. */
  readonly folder: string
  /** Further folders in which descriptions may name images, and images their parents, extents and data files. */
  readonly parentsIn: readonly string[]
  readonly followSymlinks: boolean
}

/** Returns the absolute path of a file of the machine, given with `/` between its parts. */
export function pathInMachine({ folder }: FolderRules, file: string): string {
  return join(folder, ...file.split('/'))
}

/** Returns the folders that links must not lead out of, for what others than `machine.json` name; `undefined`: any. */
export function linkBounds({ folder, parentsIn, followSymlinks }: FolderRules): readonly string[] | undefined {
  return followSymlinks ? undefined : [folder, ...parentsIn]
}

/** Returns the folders in which files may be named: the machine's, as it is called and as it really is, and `parentsIn`. */
export async function namingRoots({ folder, parentsIn }: FolderRules): Promise<readonly string[]> {
  return [folder, await realpath(folder).catch(() => folder), ...parentsIn]
}
