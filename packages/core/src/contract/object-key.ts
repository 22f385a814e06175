import type { ObjectKey } from '../model/ids.js'
import { BackupError } from './errors.js'

/** Longest key, in characters: every target must take it. */
export const maxObjectKeyLength = 512

/**
 * Makes an object key, or refuses what could leave the target's folder or some target cannot store.
 *
 * @throws BackupError `E_OBJECT_KEY`
 */
export function objectKey(text: string): ObjectKey {
  const parts = text.split('/')
  const legal =
    text.length <= maxObjectKeyLength &&
    parts.every((part) => /^[A-Za-z0-9._-]{1,200}$/.test(part) && !/^\.+$/.test(part))
  if (!legal) {
    throw new BackupError('E_OBJECT_KEY', `${JSON.stringify(text.slice(0, 80))} is not a legal object key.`, {
      hint: "Keys are parts of letters, digits, '.', '_' and '-', joined by '/'.",
    })
  }
  return text as ObjectKey
}
