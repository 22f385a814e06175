import { join } from 'node:path'
import { maxObjectKeyLength, type ObjectKey, objectKey } from '@holdfast/core'

/** Where an object lives: folders below the root, outermost first, and the name of its file. */
export interface ObjectPath {
  readonly folders: readonly string[]
  readonly name: string
}

/**
 * Finds the place of an object, checking its key again: what a caller hands over may be any string.
 *
 * @throws BackupError `E_OBJECT_KEY`
 */
export function objectPath(key: string): ObjectPath {
  const names = objectKey(key).split('/').map(nameOfPart)
  return { folders: names.slice(0, -1), name: names.at(-1) ?? '' }
}

/** Joins a place to the root. */
export function absolutePath(root: string, path: ObjectPath): string {
  return join(root, ...path.folders, path.name)
}

/**
 * Names the file or folder of a part of a key.
 *
 * A leading dot becomes `%2E`: dot-folders belong to the target itself and to file systems (`.snapshot`, `.Trash`).
 */
export function nameOfPart(part: string): string {
  return part.startsWith('.') ? `%2E${part.slice(1)}` : part
}

/** Reads a name back; `undefined` for what no key could have made. */
export function partOfName(name: string): string | undefined {
  const part = name.startsWith('%2E') ? `.${name.slice(3)}` : name
  if (name.startsWith('.') || !isPart(part) || nameOfPart(part) !== name) return undefined
  return part
}

/** Makes the key of parts that were read back; `undefined` when it is longer than any key. */
export function keyOfParts(parts: readonly string[]): ObjectKey | undefined {
  const text = parts.join('/')
  return text.length <= maxObjectKeyLength ? objectKey(text) : undefined
}

/** Tells whether text may be a part of a key. */
export function isPart(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,200}$/.test(text) && !/^\.+$/.test(text)
}
