import { fields } from '../bytes/fields.js'
import { damaged, type Place } from '../filesystem-error.js'

/** Names of POSIX ACLs as XFS stores them, and as Linux gives them. */
export const aclNames: ReadonlyMap<string, string> = new Map([
  ['trusted.SGI_ACL_FILE', 'system.posix_acl_access'],
  ['trusted.SGI_ACL_DEFAULT', 'system.posix_acl_default'],
])

const versionOfLinux = 2
const entryBytes = 12
const linuxEntryBytes = 8
const userTag = 0x02
const groupTag = 0x08
const noId = 0xffff_ffff

/** Turns a POSIX ACL as XFS stores it into the form of Linux's getxattr. @throws FilesystemError `damaged` */
export function linuxAcl(stored: Uint8Array, place: Place): Uint8Array {
  const at = fields(stored, 'big', 'a POSIX ACL', place)
  const count = at.u32(0)
  if (4 + count * entryBytes !== stored.byteLength)
    throw damaged(`a POSIX ACL of ${stored.byteLength} bytes claims ${count} entries`, place)
  const acl = new Uint8Array(4 + count * linuxEntryBytes)
  const view = new DataView(acl.buffer)
  view.setUint32(0, versionOfLinux, true)
  for (let index = 0; index < count; index++) {
    const from = 4 + index * entryBytes
    const to = 4 + index * linuxEntryBytes
    const tag = at.u32(from)
    view.setUint16(to, tag, true)
    view.setUint16(to + 2, at.u16(from + 8), true)
    view.setUint32(to + 4, tag === userTag || tag === groupTag ? at.u32(from + 4) : noId, true)
  }
  return acl
}
