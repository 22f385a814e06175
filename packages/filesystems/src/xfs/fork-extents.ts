import { type Fields, fields } from '../bytes/fields.js'
import type { CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { assertChecksum } from './checksum.js'
import { decodeExtent, type Extent, extentBytes } from './extent-record.js'
import type { Fork } from './inode.js'
import type { XfsVolume } from './volume.js'

/** Blocks of a file, `end` not among them. */
export interface BlockRange {
  readonly start: number
  readonly end: number
}

const keyBytes = 8
const pointerBytes = 8
const rootHeaderBytes = 4
/** Trees of a billion extents have five levels. */
const mostLevels = 16

const blockHeaders = {
  4: { magic: 0x424d_4150, bytes: 24 },
  5: { magic: 0x424d_4133, bytes: 72, blockAt: 24, ownerAt: 56, checksumAt: 64 },
} as const

/** Yields the extents of a fork that touch a range, in ascending order. @throws FilesystemError `damaged`, `read` */
export async function* forkExtents(
  volume: XfsVolume,
  fork: Fork,
  { inode, range }: { readonly inode: number; readonly range: BlockRange },
  options: CallOptions,
): AsyncGenerator<Extent, void, undefined> {
  const found =
    fork.format === 'tree' ? treeExtents(volume, fork, inode, range, options) : listExtents(volume, fork, inode)
  let end = 0
  for await (const extent of found) {
    if (extent.start < end || extent.count === 0)
      throw damaged(`the extents of inode ${inode} are not in order`, { inode })
    end = extent.start + extent.count
    if (!Number.isSafeInteger(end * volume.superblock.blockBytes))
      throw damaged(`an extent of inode ${inode} is beyond any size`, { inode })
    if (extent.start >= range.end) return
    volume.byteOf(extent.block, extent.count, { inode })
    if (end > range.start) yield extent
  }
}

function* listExtents(_volume: XfsVolume, fork: Fork, inode: number): Generator<Extent> {
  if (fork.format !== 'extents') return
  if (fork.extentCount * extentBytes > fork.bytes.byteLength)
    throw damaged(`inode ${inode} claims ${fork.extentCount} extents, more than it holds`, { inode })
  const list = fields(fork.bytes, 'big', 'a list of extents', { inode })
  for (let index = 0; index < fork.extentCount; index++) yield decodeExtent(list, index * extentBytes)
}

/** A node of the tree: `first` is where its records or keys begin. */
interface Node {
  readonly at: Fields
  readonly level: number
  readonly count: number
  readonly keysAt: number
  readonly pointersAt: number
}

async function* treeExtents(
  volume: XfsVolume,
  fork: Fork,
  inode: number,
  range: BlockRange,
  options: CallOptions,
): AsyncGenerator<Extent> {
  yield* extentsBelow(volume, decodeRoot(fork, inode), inode, range, options)
}

/** Depth is bounded by the levels, which fall from node to node; the work by the order that `forkExtents` insists on. */
async function* extentsBelow(
  volume: XfsVolume,
  node: Node,
  inode: number,
  range: BlockRange,
  options: CallOptions,
): AsyncGenerator<Extent> {
  if (node.level === 0) {
    for (let index = 0; index < node.count; index++) yield decodeExtent(node.at, node.keysAt + index * extentBytes)
    return
  }
  for (let index = 0; index < node.count; index++) {
    options.signal.throwIfAborted()
    if (node.at.u64(node.keysAt + index * keyBytes) >= range.end) return
    const next = index + 1 < node.count ? node.at.u64(node.keysAt + (index + 1) * keyBytes) : Number.POSITIVE_INFINITY
    if (next <= range.start) continue
    const block = node.at.u64(node.pointersAt + index * pointerBytes)
    yield* extentsBelow(volume, await readNode(volume, block, node.level - 1, inode, options), inode, range, options)
  }
}

function decodeRoot(fork: Fork, inode: number): Node {
  const at = fields(fork.bytes, 'big', 'the root of a tree of extents', { inode })
  const level = at.u16(0)
  const count = at.u16(2)
  const room = Math.floor((fork.bytes.byteLength - rootHeaderBytes) / (keyBytes + pointerBytes))
  if (level < 1 || level > mostLevels || count < 1 || count > room)
    throw damaged(`the tree of extents of inode ${inode} has ${level} levels and ${count} branches`, { inode })
  return { at, level, count, keysAt: rootHeaderBytes, pointersAt: rootHeaderBytes + room * keyBytes }
}

async function readNode(
  volume: XfsVolume,
  block: number,
  level: number,
  inode: number,
  options: CallOptions,
): Promise<Node> {
  const { version, blockBytes } = volume.superblock
  const what = `a tree of extents of inode ${inode}`
  const offset = volume.byteOf(block, 1, { inode })
  const place = { inode, offset }
  const bytes = await volume.blocks({ block, count: 1, what, place }, options)
  const at = fields(bytes, 'big', what, place)
  const header = blockHeaders[version]
  if (at.u32(0) !== header.magic) throw damaged(`${what} has a block that is none of it`, place)
  if ('checksumAt' in header) {
    assertChecksum(bytes, header.checksumAt, what, place)
    if (at.u64(header.ownerAt) !== inode) throw damaged(`${what} leads to a block of another inode`, place)
  }
  const room = Math.floor((blockBytes - header.bytes) / extentBytes)
  const count = at.u16(6)
  if (at.u16(4) !== level || count < 1 || count > room)
    throw damaged(`${what} has a block of level ${at.u16(4)} with ${count} records`, place)
  return { at, level, count, keysAt: header.bytes, pointersAt: header.bytes + room * keyBytes }
}
