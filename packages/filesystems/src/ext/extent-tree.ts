import { crc32c } from '../bytes/crc32c.js'
import { type Fields, fields } from '../bytes/fields.js'
import type { FileRun } from '../file/open-runs.js'
import type { ByteRange, CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { type ExtVolume, inodeSeed } from './ext-volume.js'
import type { Inode } from './inode.js'

const magic = 0xf30a
const headerBytes = 12
const entryBytes = 12
const maxDepth = 5
const longestWritten = 32_768

/** Logical blocks that a node of the tree may speak of. */
interface Span {
  readonly first: number
  readonly end: number
}

/** One walk of the tree. */
interface Walk {
  readonly volume: ExtVolume
  readonly inode: Inode
  readonly wanted: Span
  readonly options: CallOptions
  /** Called for each node that is read: there are no more than blocks in the volume. */
  readonly spend: () => void
}

/**
 * Yields the runs of a file from its extent tree. Space that is reserved but not written is a hole.
 *
 * Work is bounded: nodes must lie within their parent's span, so none of them can be met twice, and empty ones are counted.
 * @throws FilesystemError `damaged`
 */
export async function* extentRuns(
  volume: ExtVolume,
  inode: Inode,
  range: ByteRange,
  options: CallOptions,
): AsyncIterable<FileRun> {
  const { blockBytes, blockCount } = volume.superblock
  const wanted = {
    first: Math.floor(range.offset / blockBytes),
    end: Math.ceil((range.offset + range.length) / blockBytes),
  }
  let left = blockCount
  const spend = () => {
    left -= 1
    if (left < 0) throw broken(inode, 'has more nodes than the volume has blocks')
  }
  const root = fields(inode.block, 'little', `the extent tree of inode ${inode.number}`, { inode: inode.number })
  yield* nodeRuns({ volume, inode, wanted, options, spend }, root, undefined, { first: 0, end: 2 ** 32 })
}

/** @param expectedDepth What the parent wants; absent for the root. */
async function* nodeRuns(
  walk: Walk,
  node: Fields,
  expectedDepth: number | undefined,
  span: Span,
): AsyncIterable<FileRun> {
  const { entries, depth } = headerOf(walk.inode, node, expectedDepth)
  if (depth === 0) {
    yield* leafRuns(walk, node, entries, span)
    return
  }
  const { volume, inode, wanted, options } = walk
  for (let i = 0; i < entries; i++) {
    const at = headerBytes + i * entryBytes
    const first = node.u32(at)
    const end = i + 1 < entries ? node.u32(at + entryBytes) : span.end
    if (first < span.first || end <= first || end > span.end)
      throw broken(inode, `has an index entry for the blocks ${first} to ${end} out of order`)
    if (end <= wanted.first) continue
    if (first >= wanted.end) return
    walk.spend()
    const block = node.u16(at + 8) * 2 ** 32 + node.u32(at + 4)
    const bytes = await volume.blocks(block, 1, 'a node of the extent tree', inode, options)
    const place = { offset: block * volume.superblock.blockBytes, inode: inode.number }
    const child = fields(bytes, 'little', 'a node of an extent tree', place)
    assertChecksum(walk, child)
    yield* nodeRuns(walk, child, depth - 1, { first, end })
  }
}

function* leafRuns({ volume, inode, wanted }: Walk, node: Fields, entries: number, span: Span): Iterable<FileRun> {
  const { blockBytes, blockCount } = volume.superblock
  let last = span.first
  for (let i = 0; i < entries; i++) {
    const at = headerBytes + i * entryBytes
    const first = node.u32(at)
    const claimed = node.u16(at + 4)
    const written = claimed <= longestWritten
    const count = written ? claimed : claimed - longestWritten
    if (first < last || count === 0 || first + count > span.end)
      throw broken(inode, `has an extent of ${count} blocks at ${first} out of order`)
    last = first + count
    if (last <= wanted.first) continue
    if (first >= wanted.end) return
    const block = node.u16(at + 6) * 2 ** 32 + node.u32(at + 8)
    if (block === 0 || block + count > blockCount)
      throw broken(inode, `has an extent of ${count} blocks from block ${block} of ${blockCount}`)
    yield { offset: first * blockBytes, length: count * blockBytes, ...(written && { at: block * blockBytes }) }
  }
}

function headerOf(inode: Inode, node: Fields, expectedDepth: number | undefined) {
  const entries = node.u16(2)
  const depth = node.u16(6)
  if (node.u16(0) !== magic) throw broken(inode, 'has a node without magic number')
  if (depth > maxDepth || (expectedDepth !== undefined && depth !== expectedDepth))
    throw broken(inode, `has a node of depth ${depth} where ${expectedDepth ?? maxDepth} is expected`)
  if (entries > node.u16(4) || headerBytes + entries * entryBytes > node.bytes.byteLength)
    throw broken(inode, `has a node of ${entries} entries`)
  return { entries, depth }
}

function assertChecksum({ volume, inode }: Walk, node: Fields): void {
  const { checksumSeed } = volume.superblock
  if (checksumSeed === undefined) return
  const tail = headerBytes + node.u16(4) * entryBytes
  if (crc32c(inodeSeed(checksumSeed, inode), node.slice(0, tail)) !== node.u32(tail))
    throw broken(inode, 'has a node whose checksum is wrong')
}

function broken(inode: Inode, what: string) {
  return damaged(`the extent tree of inode ${inode.number} ${what}`, { inode: inode.number })
}
