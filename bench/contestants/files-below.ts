import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Lists the plain files in a folder and its sub-folders. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Adds up the lengths of the files in a folder and its sub-folders. */
export function folderBytes(folder: string): number {
  return filesBelow(folder).reduce((sum, file) => sum + lstatSync(file).size, 0)
}
