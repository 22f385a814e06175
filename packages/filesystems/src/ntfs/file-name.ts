import { fields } from '../bytes/fields.js'
import type { Place } from '../filesystem-error.js'
import { utf16Text } from './attribute.js'

/** The name of a file in a directory. What else is stored with it is a copy, which may be old. */
export interface FileName {
  readonly name: string
  /** It stands beside a long name, for programs that take eight letters and three. */
  readonly isShort: boolean
}

const shortNames = 2

/** Decodes a name, which is an attribute of its file and the key of its entry in a directory. @throws FilesystemError `damaged` */
export function decodeFileName(bytes: Uint8Array, place: Place): FileName {
  const at = fields(bytes, 'little', 'the name of a file', place)
  return { name: utf16Text(at.slice(66, at.u8(64) * 2)), isShort: at.u8(65) === shortNames }
}
