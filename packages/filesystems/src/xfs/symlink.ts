import { fields } from '../bytes/fields.js'
import type { CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { nameFromBytes } from '../names/name-bytes.js'
import { assertChecksum } from './checksum.js'
import { forkExtents } from './fork-extents.js'
import type { Inode } from './inode.js'
import type { XfsVolume } from './volume.js'

/** XFS takes targets of one byte less. */
const mostBytes = 1024
const slashByte = 0x2f
const header = { magic: 0x5853_4c4d, bytes: 56, offsetAt: 4, lengthAt: 8, checksumAt: 12, ownerAt: 32 } as const

/** Reads the target of a symbolic link, from its inode or from blocks. @throws FilesystemError `damaged`, `read` */
export async function readSymlink(volume: XfsVolume, link: Inode, options: CallOptions): Promise<string> {
  const { sizeBytes, data, number: inode } = link
  if (sizeBytes < 1 || sizeBytes > mostBytes)
    throw damaged(`symbolic link ${inode} claims a target of ${sizeBytes} bytes`, { inode })
  if (data.format === 'local') {
    if (sizeBytes > data.bytes.byteLength) throw damaged(`symbolic link ${inode} is longer than its inode`, { inode })
    return targetText(data.bytes.subarray(0, sizeBytes))
  }
  return targetText(await remoteTarget(volume, link, options))
}

/** Joins the parts of a target; in version 5 each extent begins with a header. */
async function remoteTarget(volume: XfsVolume, { number: inode, sizeBytes, data }: Inode, options: CallOptions) {
  const target = new Uint8Array(sizeBytes)
  const range = { start: 0, end: mostBytes }
  const what = `symbolic link ${inode}`
  let done = 0
  for await (const { block, count } of forkExtents(volume, data, { inode, range }, options)) {
    if (done === sizeBytes) break
    const place = { inode, offset: volume.byteOf(block, count, { inode }) }
    const bytes = await volume.blocks({ block, count: Math.min(count, 3), what, place }, options)
    const length = volume.superblock.version === 4 ? bytes.byteLength : checkedLength(bytes, { done, what, place })
    const from = volume.superblock.version === 4 ? 0 : header.bytes
    const part = bytes.subarray(from, from + Math.min(length, sizeBytes - done))
    target.set(part, done)
    done += part.byteLength
  }
  if (done !== sizeBytes) throw damaged(`${what} ends after ${done} of its ${sizeBytes} bytes`, { inode })
  return target
}

function checkedLength(
  bytes: Uint8Array,
  {
    done,
    what,
    place,
  }: {
    readonly done: number
    readonly what: string
    readonly place: { readonly inode: number; readonly offset: number }
  },
): number {
  const at = fields(bytes, 'big', what, place)
  if (at.u32(0) !== header.magic) throw damaged(`${what} leads to a block that is none of it`, place)
  assertChecksum(bytes, header.checksumAt, what, place)
  if (at.u64(header.ownerAt) !== place.inode) throw damaged(`${what} leads to a block of another inode`, place)
  const length = at.u32(header.lengthAt)
  if (at.u32(header.offsetAt) !== done || length < 1 || length > bytes.byteLength - header.bytes)
    throw damaged(`${what} has a part of ${length} bytes`, place)
  return length
}

/** Escapes what is no text as names do, between the slashes. */
function targetText(bytes: Uint8Array): string {
  const names: string[] = []
  for (let at = 0; at <= bytes.byteLength; ) {
    const slash = bytes.indexOf(slashByte, at)
    const end = slash === -1 ? bytes.byteLength : slash
    names.push(nameFromBytes(bytes.subarray(at, end)))
    at = end + 1
  }
  return names.join('/')
}
