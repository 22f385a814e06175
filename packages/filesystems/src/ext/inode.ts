import { type Fields, fields } from '../bytes/fields.js'
import type { EntryType, Metadata } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { incompatible } from './features.js'
import type { Superblock } from './superblock.js'

/** What an inode of ext2, 3 or 4 says. */
export interface Inode {
  readonly number: number
  readonly type: EntryType
  readonly sizeBytes: number
  readonly flags: number
  readonly generation: number
  /** The 60 bytes that hold block numbers, an extent tree, a short symbolic link or a small file. */
  readonly block: Uint8Array
  /** Half-kibibytes or blocks taken, whatever for: nought where the content is in the inode itself. */
  readonly blockCount: number
  /** Block of extended attributes, or 0. */
  readonly attributeBlock: number
  /** What follows the fields: extended attributes. */
  readonly attributeSpace: Uint8Array
  readonly metadata: Metadata
}

/** Flags of an inode (`i_flags`) that matter to a reader. */
export const inodeFlags = {
  encrypted: 0x800,
  index: 0x1000,
  extents: 0x8_0000,
  inlineData: 0x1000_0000,
  casefold: 0x4000_0000,
} as const

const types: Readonly<Record<number, EntryType>> = {
  1: 'fifo',
  2: 'char-device',
  4: 'directory',
  6: 'block-device',
  8: 'file',
  10: 'symlink',
  12: 'socket',
}
const oldInodeBytes = 128

/** Reads the fields of an inode at `offset` of the volume. @throws FilesystemError `damaged` */
export function parseInode(bytes: Uint8Array, number: number, { features }: Superblock, offset: number): Inode {
  const raw = fields(bytes, 'little', `inode ${number}`, { offset, inode: number })
  const mode = raw.u16(0)
  const type = types[mode >> 12] ?? 'other'
  const has = (bits: number) => (features.incompatible & bits) !== 0
  const largeSize = type === 'file' || has(incompatible.largeDirectories)
  const extraBytes = bytes.byteLength > oldInodeBytes ? raw.u16(oldInodeBytes) : 0
  const attributesAt = oldInodeBytes + extraBytes
  const block = raw.slice(0x28, 60)
  const sizeBytes = (largeSize ? raw.u32(0x6c) * 2 ** 32 : 0) + raw.u32(4)
  if (!Number.isSafeInteger(sizeBytes))
    throw damaged(`inode ${number} claims ${sizeBytes} bytes`, { offset, inode: number })
  return {
    number,
    type,
    sizeBytes,
    flags: raw.u32(0x20),
    generation: raw.u32(0x64),
    block,
    blockCount: raw.u32(0x1c) + raw.u16(0x74) * 2 ** 32,
    attributeBlock: raw.u32(0x68) + (has(incompatible.bits64) ? raw.u16(0x76) * 2 ** 32 : 0),
    attributeSpace: extraBytes === 0 ? new Uint8Array(0) : bytes.subarray(Math.min(attributesAt, bytes.byteLength)),
    metadata: {
      inode: number,
      links: raw.u16(0x1a),
      mode: mode & 0o7777,
      uid: raw.u16(2) + raw.u16(0x78) * 2 ** 16,
      gid: raw.u16(0x18) + raw.u16(0x7a) * 2 ** 16,
      ...times(raw, Math.min(attributesAt, bytes.byteLength)),
      ...(isDevice(type) && { device: deviceOf(fields(block, 'little', 'a device number')) }),
    },
  }
}

function isDevice(type: EntryType): boolean {
  return type === 'char-device' || type === 'block-device'
}

function times(raw: Fields, end: number): Metadata {
  const timeAt = (secondsAt: number, extraAt: number) => {
    const extra = extraAt + 4 <= end ? raw.u32(extraAt) : 0
    const seconds = raw.i32(secondsAt) + (extra & 3) * 2 ** 32
    return new Date(seconds * 1000 + Math.floor((extra >>> 2) / 1_000_000))
  }
  return {
    accessedAt: timeAt(8, 0x8c),
    changedAt: timeAt(0xc, 0x84),
    modifiedAt: timeAt(0x10, 0x88),
    ...(end >= 0x94 && { createdAt: timeAt(0x90, 0x94) }),
  }
}

/** Device numbers in the old form of 16 bits or, where that is empty, in the new one of 32. */
function deviceOf(block: Fields): { readonly major: number; readonly minor: number } {
  const old = block.u32(0)
  if (old !== 0) return { major: (old >>> 8) & 0xff, minor: old & 0xff }
  const wide = block.u32(4)
  return { major: (wide >>> 8) & 0xfff, minor: (wide & 0xff) | ((wide >>> 12) & 0xf_ff00) }
}
