import { type Fields, fields } from '../bytes/fields.js'
import type { CallOptions, EntryType, Metadata } from '../filesystem.js'
import { damaged, type Place } from '../filesystem-error.js'
import { assertChecksum } from './checksum.js'
import type { XfsVolume } from './volume.js'

/** An inode (xfs_dinode). */
export interface Inode {
  readonly number: number
  readonly type: EntryType
  readonly sizeBytes: number
  readonly metadata: Metadata
  readonly data: Fork
  readonly attributes?: Fork
  /** The content lies on the real-time device. */
  readonly isRealtime: boolean
}

/** One of the two parts of an inode that lead to content: of the file, or of its extended attributes. */
export interface Fork {
  /** The content itself, a list of its extents, or the root of a tree of them; `none` in devices. */
  readonly format: 'none' | 'local' | 'extents' | 'tree'
  readonly bytes: Uint8Array
  readonly extentCount: number
}

const magic = 0x494e
const coreBytes = { old: 100, current: 176 } as const
const checksumAt = 100
const realtimeFlag = 0x1
const moreFlags = { bigTimes: 0x8n, manyExtents: 0x10n } as const
const formats = ['none', 'local', 'extents', 'tree'] as const

const types: ReadonlyMap<number, EntryType> = new Map([
  [0o01, 'fifo'],
  [0o02, 'char-device'],
  [0o04, 'directory'],
  [0o06, 'block-device'],
  [0o10, 'file'],
  [0o12, 'symlink'],
  [0o14, 'socket'],
])

/** Reads an inode by its number, in which allocation group, block and place in the block are joined. @throws FilesystemError `damaged`, `read` */
export async function readInode(volume: XfsVolume, number: number, options: CallOptions): Promise<Inode> {
  const { inodeBits, inodeBytes } = volume.superblock
  const block = Math.floor(number / 2 ** inodeBits)
  const place = { inode: number }
  const offset = volume.byteOf(block, 1, place) + (number % 2 ** inodeBits) * inodeBytes
  const bytes = await volume.reader.structure(offset, inodeBytes, `inode ${number}`, options)
  return decodeInode(bytes, number, { version: volume.superblock.version, offset })
}

/** Decodes an inode; `offset` is where it lies. @throws FilesystemError `damaged` */
export function decodeInode(
  bytes: Uint8Array,
  number: number,
  { version, offset }: { readonly version: 4 | 5; readonly offset: number },
): Inode {
  const place = { inode: number, offset }
  const at = fields(bytes, 'big', `inode ${number}`, place)
  if (at.u16(0) !== magic) throw damaged(`inode ${number} is none`, place)
  if (version === 5) {
    assertChecksum(bytes, checksumAt, `inode ${number}`, place)
    if (at.u64(152) !== number) throw damaged(`where inode ${number} should be lies another`, place)
  }
  const mode = at.u16(2)
  if (mode === 0) throw damaged(`inode ${number} is free`, place)
  const inodeVersion = at.u8(4)
  if (inodeVersion < 1 || inodeVersion > 3 || (inodeVersion === 3) !== (version === 5))
    throw damaged(`inode ${number} is of version ${inodeVersion} in a volume of version ${version}`, place)
  const more = inodeVersion === 3 ? at.bits64(120) : 0n
  const type = types.get(mode >> 12)
  if (type === undefined) throw damaged(`inode ${number} has the mode 0${mode.toString(8)}`, place)
  const forks = decodeForks(at, (more & moreFlags.manyExtents) !== 0n, inodeVersion, place)
  const isDevice = type === 'char-device' || type === 'block-device'
  const sizeBytes = at.u64(56)
  return {
    number,
    type,
    sizeBytes,
    ...forks,
    isRealtime: (at.u16(90) & realtimeFlag) !== 0,
    metadata: {
      inode: number,
      links: inodeVersion === 1 ? at.u16(6) : at.u32(16),
      mode: mode & 0o7777,
      uid: at.u32(8),
      gid: at.u32(12),
      ...times(at, (more & moreFlags.bigTimes) !== 0n, inodeVersion),
      ...(isDevice && { device: deviceNumbers(fields(forks.data.bytes, 'big', 'a device', place).u32(0)) }),
    },
  }
}

/** The forks share what the fields before them leave of the inode, divided where the inode says. */
function decodeForks(
  at: Fields,
  hasManyExtents: boolean,
  inodeVersion: number,
  place: Place,
): { readonly data: Fork; readonly attributes?: Fork } {
  const core = inodeVersion === 3 ? coreBytes.current : coreBytes.old
  const room = at.bytes.byteLength - core
  const divide = at.u8(82) * 8
  if (divide >= room) throw damaged('the attributes of an inode begin behind it', place)
  const data = {
    format: forkFormat(at.u8(5), place),
    bytes: at.slice(core, divide === 0 ? room : divide),
    extentCount: hasManyExtents ? at.u64(24) : at.u32(76),
  }
  if (divide === 0) return { data }
  const attributes = {
    format: forkFormat(at.u8(83), place),
    bytes: at.slice(core + divide, room - divide),
    extentCount: hasManyExtents ? at.u32(76) : at.u16(80),
  }
  return { data, attributes }
}

function forkFormat(number: number, place: Place): Fork['format'] {
  const format = formats[number]
  if (format !== undefined) return format
  throw damaged(`a fork is of the format ${number}`, place)
}

function times(at: Fields, areBig: boolean, inodeVersion: number): Metadata {
  const time = areBig ? bigTime : oldTime
  return {
    accessedAt: time(at, 32),
    modifiedAt: time(at, 40),
    changedAt: time(at, 48),
    ...(inodeVersion === 3 && { createdAt: time(at, 144) }),
  }
}

/** Seconds from 1970 on, then nanoseconds. */
function oldTime(at: Fields, field: number): Date {
  return new Date(at.i32(field) * 1000 + Math.floor(at.u32(field + 4) / 1e6))
}

/** Nanoseconds since the earliest time that the old form could say. */
function bigTime(at: Fields, field: number): Date {
  return new Date(Number(at.bits64(field) / 1_000_000n) - 2 ** 31 * 1000)
}

/** Device numbers as System V wrote them: 14 bits of major, 18 of minor. */
function deviceNumbers(stored: number): { readonly major: number; readonly minor: number } {
  return { major: stored >>> 18, minor: stored & 0x3_ffff }
}
