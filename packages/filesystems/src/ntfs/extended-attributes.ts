import { fields } from '../bytes/fields.js'
import type { Metadata } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { nameFromBytes } from '../names/name-bytes.js'

const headerBytes = 8

/** Decodes the extended attributes of a file: those of OS/2, which the Windows subsystem for Linux uses. @throws FilesystemError `damaged` */
export function decodeExtendedAttributes(bytes: Uint8Array, inode: number): ReadonlyMap<string, Uint8Array> {
  const at = fields(bytes, 'little', 'a list of extended attributes', { inode })
  const found = new Map<string, Uint8Array>()
  for (let next = 0; next + headerBytes <= bytes.byteLength; ) {
    const length = at.u32(next)
    const nameLength = at.u8(next + 5)
    const name = at.slice(next + headerBytes, nameLength)
    const value = at.slice(next + headerBytes + nameLength + 1, at.u16(next + 6))
    found.set(nameFromBytes(name), value.slice())
    if (length === 0) break
    if (length < headerBytes) throw damaged('a list of extended attributes does not go on', { inode })
    next += length
  }
  return found
}

/** What the Windows subsystem for Linux says of a file. */
export function linuxMetadata(attributes: ReadonlyMap<string, Uint8Array>): Metadata {
  const mode = number(attributes, '$LXMOD', 0)
  const uid = number(attributes, '$LXUID', 0)
  const gid = number(attributes, '$LXGID', 0)
  const major = number(attributes, '$LXDEV', 0)
  const minor = number(attributes, '$LXDEV', 4)
  return {
    ...(mode !== undefined && { mode: mode & 0o7777 }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
    ...(major !== undefined && minor !== undefined && { device: { major, minor } }),
  }
}

function number(attributes: ReadonlyMap<string, Uint8Array>, name: string, at: number): number | undefined {
  const value = attributes.get(name)
  if (value === undefined || value.byteLength < at + 4) return undefined
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(at, true)
}
