import { fields } from '../bytes/fields.js'
import type { EntryType } from '../filesystem.js'
import { damaged, type Place } from '../filesystem-error.js'
import { nameFromBytes } from '../names/name-bytes.js'
import { utf16Text } from './attribute.js'

/** What stands in for a file or directory, or says where its content is. */
export interface ReparsePoint {
  readonly tag: number
  readonly data: Uint8Array
}

const tags = {
  mountPoint: 0xa000_0003,
  symlink: 0xa000_000c,
  linuxSymlink: 0xa000_001d,
} as const

/** Files of other types as the Windows subsystem for Linux stores them. */
const linuxTypes: ReadonlyMap<number, EntryType> = new Map([
  [0x8000_0023, 'socket'],
  [0x8000_0024, 'fifo'],
  [0x8000_0025, 'char-device'],
  [0x8000_0026, 'block-device'],
])

/** Tags of files whose content is not where the content of files is. */
const awayTags: ReadonlyMap<number, string> = new Map([
  [0x8000_0013, 'Data Deduplication'],
  [0x8000_0017, 'the compression of system files (CompactOS)'],
  [0xc000_0004, 'Hierarchical Storage Management'],
  [0x8000_0006, 'Hierarchical Storage Management'],
  [0x8000_0008, 'Single Instance Storage'],
])

/** The tag says that the entry stands for another one. */
const surrogateBit = 0x2000_0000

/** Decodes a reparse point. @throws FilesystemError `damaged` */
export function decodeReparsePoint(bytes: Uint8Array, place: Place): ReparsePoint {
  const at = fields(bytes, 'little', 'a reparse point', place)
  return { tag: at.u32(0), data: at.slice(8, at.u16(4)) }
}

/** Type of an entry that has a reparse point; undefined when that does not change it. */
export function reparsedType({ tag }: ReparsePoint, isDirectory: boolean): EntryType | undefined {
  if (tag === tags.symlink || tag === tags.mountPoint || tag === tags.linuxSymlink) return 'symlink'
  const type = linuxTypes.get(tag)
  if (type !== undefined) return type
  return (tag & surrogateBit) !== 0 && !isDirectory ? 'other' : undefined
}

/** Names what keeps the content of a file elsewhere; undefined when nothing does. */
export function keptBy({ tag }: ReparsePoint): string | undefined {
  return awayTags.get(tag)
}

/** Reads where a link leads, as it would be shown; of paths that Windows resolves itself, without the prefix for that. @throws FilesystemError `damaged` */
export function linkTarget({ tag, data }: ReparsePoint, place: Place): string {
  const at = fields(data, 'little', 'a symbolic link', place)
  if (tag === tags.linuxSymlink) {
    const names = Buffer.from(at.slice(4, data.byteLength - 4))
      .toString('latin1')
      .split('/')
    return names.map((name) => nameFromBytes(Buffer.from(name, 'latin1'))).join('/')
  }
  const pathsAt = tag === tags.symlink ? 12 : 8
  const path = (field: number) => utf16Text(at.slice(pathsAt + at.u16(field), at.u16(field + 2)))
  const shown = path(4)
  const target = shown === '' ? path(0).replace(/^\\\?\?\\/, '') : shown
  if (target === '') throw damaged('a symbolic link leads nowhere', place)
  return target
}
