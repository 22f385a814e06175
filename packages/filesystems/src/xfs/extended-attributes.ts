import { fields } from '../bytes/fields.js'
import type { CallOptions } from '../filesystem.js'
import { damaged, FilesystemError } from '../filesystem-error.js'
import { isAttributeLeaf, leafAttributes, shortformAttributes } from './attribute-leaf.js'
import type { AttributeRecord } from './attribute-record.js'
import { assertChecksum } from './checksum.js'
import { forkExtents } from './fork-extents.js'
import type { Fork, Inode } from './inode.js'
import { aclNames, linuxAcl } from './posix-acl.js'
import type { XfsVolume } from './volume.js'

/** Linux takes no longer values. */
const mostValueBytes = 65_536
/** Most that all attributes of a file may take in memory. */
const mostTotalBytes = 16 * 2 ** 20
const mostLevels = 8

const nodes = {
  4: { magic: 0xfebe, counts: 12, keys: 16, checksumAt: undefined },
  5: { magic: 0x3ebe, counts: 56, keys: 64, checksumAt: 12 },
} as const
const ownerAt = 48
const valueHeader = { magic: 0x5841_524d, bytes: 56, lengthAt: 8, checksumAt: 12, ownerAt: 32 } as const

/** Reads all extended attributes of an inode. @throws FilesystemError `damaged`, `limit`, `read` */
export async function readAttributes(
  volume: XfsVolume,
  inode: Inode,
  options: CallOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  let total = 0
  for await (const { name, value } of attributeRecords(volume, inode, options)) {
    const bytes = value instanceof Uint8Array ? value : await readValue(volume, inode, value, options)
    total += bytes.byteLength + name.length
    if (total > mostTotalBytes)
      throw new FilesystemError('limit', 'The extended attributes of an inode take more than is read.', {
        inode: inode.number,
      })
    const acl = aclNames.get(name)
    if (acl === undefined) found.set(name, bytes.slice())
    else found.set(acl, linuxAcl(bytes, { inode: inode.number }))
  }
  return found
}

async function* attributeRecords(
  volume: XfsVolume,
  { number, attributes }: Inode,
  options: CallOptions,
): AsyncGenerator<AttributeRecord> {
  if (attributes === undefined) return
  if (attributes.format === 'local') yield* shortformAttributes(attributes.bytes, { inode: number })
  if (attributes.format !== 'extents' && attributes.format !== 'tree') return
  if (attributes.format === 'extents' && attributes.extentCount === 0) return
  const { version } = volume.superblock
  const fork = { volume, fork: attributes, inode: number }
  const seen = new Set<number>()
  for (let next = await firstLeaf(fork, options); next !== 0 || seen.size === 0; ) {
    if (seen.has(next)) throw damaged(`the extended attributes of inode ${number} form a loop`, { inode: number })
    seen.add(next)
    const bytes = await readBlock(fork, next, options)
    const at = fields(bytes, 'big', 'a block of extended attributes', { inode: number })
    if (!isAttributeLeaf(at, version))
      throw damaged(`the extended attributes of inode ${number} lead to a block that has none`, { inode: number })
    yield* leafAttributes(bytes, version, { inode: number })
    next = at.u32(0)
  }
}

interface AttributeFork {
  readonly volume: XfsVolume
  readonly fork: Fork
  readonly inode: number
}

/** Goes down the left side of the tree of names. */
async function firstLeaf(fork: AttributeFork, options: CallOptions): Promise<number> {
  const { version } = fork.volume.superblock
  const { magic, counts, keys } = nodes[version]
  let block = 0
  for (let level = 0; level < mostLevels; level++) {
    const at = fields(await readBlock(fork, block, options), 'big', 'a node of extended attributes', {
      inode: fork.inode,
    })
    if (at.u16(8) !== magic) return block
    if (at.u16(counts) === 0) break
    block = at.u32(keys + 4)
  }
  throw damaged(`the tree of extended attributes of inode ${fork.inode} has no end`, { inode: fork.inode })
}

/** Reads a block of names by its number in the fork. */
async function readBlock(fork: AttributeFork, index: number, options: CallOptions): Promise<Uint8Array> {
  const { checksumAt } = nodes[fork.volume.superblock.version]
  const { bytes, offset } = await readForkBlock(fork, index, options)
  if (checksumAt === undefined) return bytes
  const place = { inode: fork.inode, offset }
  assertChecksum(bytes, checksumAt, 'a block of extended attributes', place)
  if (fields(bytes, 'big', 'a block of extended attributes', place).u64(ownerAt) !== fork.inode)
    throw damaged(`inode ${fork.inode} leads to extended attributes of another`, place)
  return bytes
}

async function readForkBlock({ volume, fork, inode }: AttributeFork, index: number, options: CallOptions) {
  const range = { start: index, end: index + 1 }
  for await (const extent of forkExtents(volume, fork, { inode, range }, options)) {
    const block = extent.block + (index - extent.start)
    const place = { inode, offset: volume.byteOf(block, 1, { inode }) }
    const bytes = await volume.blocks({ block, count: 1, what: 'extended attributes', place }, options)
    return { bytes, offset: place.offset }
  }
  throw damaged(`block ${index} of the extended attributes of inode ${inode} is missing`, { inode })
}

/** Reads a value that lies in blocks of its own; in version 5 each of them begins with a header. */
async function readValue(
  volume: XfsVolume,
  inode: Inode,
  { block, length }: { readonly block: number; readonly length: number },
  options: CallOptions,
): Promise<Uint8Array> {
  const { number, attributes } = inode
  const place = { inode: number }
  if (attributes === undefined || length > mostValueBytes)
    throw damaged(`an extended attribute of inode ${number} claims ${length} bytes`, place)
  const value = new Uint8Array(length)
  for (let index = block, done = 0; done < length; index++) {
    const { bytes, offset } = await readForkBlock({ volume, fork: attributes, inode: number }, index, options)
    const content = volume.superblock.version === 4 ? bytes : valuePart(bytes, { inode: number, offset })
    const part = content.subarray(0, length - done)
    value.set(part, done)
    done += part.byteLength
  }
  return value
}

function valuePart(bytes: Uint8Array, place: { readonly inode: number; readonly offset: number }): Uint8Array {
  const what = 'the value of an extended attribute'
  const at = fields(bytes, 'big', what, place)
  if (at.u32(0) !== valueHeader.magic) throw damaged(`${what} leads to a block that is none of it`, place)
  assertChecksum(bytes, valueHeader.checksumAt, what, place)
  if (at.u64(valueHeader.ownerAt) !== place.inode) throw damaged(`${what} belongs to another inode`, place)
  const length = at.u32(valueHeader.lengthAt)
  if (length < 1) throw damaged(`${what} has an empty part`, place)
  return at.slice(valueHeader.bytes, length)
}
