import { fields } from '../bytes/fields.js'
import { damaged, type Place } from '../filesystem-error.js'

const versionOnDisk = 1
const versionOfLinux = 2
const userTag = 0x02
const groupTag = 0x08
const noId = 0xffff_ffff

/**
 * Turns a POSIX ACL as ext stores it, where only named users and groups have an id, into the form of Linux's getxattr.
 *
 * @throws FilesystemError `damaged`
 */
export function linuxAcl(stored: Uint8Array, place: Place): Uint8Array {
  const raw = fields(stored, 'little', 'a POSIX ACL', place)
  if (raw.u32(0) !== versionOnDisk) throw damaged(`a POSIX ACL is of version ${raw.u32(0)}`, place)
  const entries: number[] = []
  for (let at = 4; at < stored.byteLength; ) {
    const tag = raw.u16(at)
    const named = tag === userTag || tag === groupTag
    entries.push(tag, raw.u16(at + 2), named ? raw.u32(at + 4) : noId)
    at += named ? 8 : 4
  }
  const acl = new Uint8Array(4 + (entries.length / 3) * 8)
  const view = new DataView(acl.buffer)
  view.setUint32(0, versionOfLinux, true)
  for (let i = 0; i < entries.length; i += 3) {
    const at = 4 + (i / 3) * 8
    view.setUint16(at, entries[i] ?? 0, true)
    view.setUint16(at + 2, entries[i + 1] ?? 0, true)
    view.setUint32(at + 4, entries[i + 2] ?? 0, true)
  }
  return acl
}
