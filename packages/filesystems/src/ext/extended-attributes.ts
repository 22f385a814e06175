import { fields } from '../bytes/fields.js'
import type { CallOptions } from '../filesystem.js'
import { damaged, FilesystemError } from '../filesystem-error.js'
import { nameFromBytes } from '../names/name-bytes.js'
import type { ExtVolume } from './ext-volume.js'
import type { Inode } from './inode.js'
import { linuxAcl } from './posix-acl.js'
import { attributeEntries, type StoredAttribute } from './xattr-entries.js'

const magic = 0xea02_0000
const blockHeaderBytes = 32
const largestValueBytes = 2 ** 20
const aclIndexes: readonly number[] = [2, 3]
const prefixes: Readonly<Record<number, string>> = {
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
  7: 'system.',
  8: 'system.richacl',
}

/** How content of another inode is read: large values have one of their own. */
export type ReadContent = (inode: Inode, into: Uint8Array, options: CallOptions) => Promise<void>

/** Reads all extended attributes of an inode but the one that holds a small file. */
export async function readAttributes(
  volume: ExtVolume,
  inode: Inode,
  readContent: ReadContent,
  options: CallOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const all = new Map<string, Uint8Array>()
  for (const stored of [...inodeAttributes(inode), ...(await blockAttributes(volume, inode, options))]) {
    const name = `${prefixes[stored.index] ?? `unknown-${stored.index}.`}${nameFromBytes(stored.name)}`
    if (isInlineData(stored) || all.has(name)) continue
    const value = await attributeValue(volume, inode, stored, readContent, options)
    all.set(name, aclIndexes.includes(stored.index) ? linuxAcl(value, { inode: inode.number }) : new Uint8Array(value))
  }
  return all
}

/** The part of a small file or directory that is stored as the attribute `system.data`, behind 60 bytes in the inode. */
export function inlineRest(inode: Inode): Uint8Array {
  for (const stored of inodeAttributes(inode)) if (isInlineData(stored)) return stored.value
  return new Uint8Array(0)
}

function isInlineData({ index, name }: StoredAttribute): boolean {
  return index === 7 && nameFromBytes(name) === 'data'
}

function inodeAttributes({ attributeSpace, number }: Inode): Iterable<StoredAttribute> {
  if (attributeSpace.byteLength < 8) return []
  if (fields(attributeSpace, 'little', 'the extended attributes').u32(0) !== magic) return []
  return attributeEntries(attributeSpace.subarray(4), 0, { inode: number })
}

async function blockAttributes(
  volume: ExtVolume,
  inode: Inode,
  options: CallOptions,
): Promise<Iterable<StoredAttribute>> {
  const { attributeBlock, number } = inode
  if (attributeBlock === 0) return []
  const place = { inode: number, offset: attributeBlock * volume.superblock.blockBytes }
  const bytes = await volume.blocks(attributeBlock, 1, 'the block of extended attributes', inode, options)
  const raw = fields(bytes, 'little', 'the block of extended attributes', place)
  if (raw.u32(0) !== magic || raw.u32(8) !== 1)
    throw damaged(`the block of extended attributes of inode ${number} has no magic number`, place)
  return attributeEntries(bytes, blockHeaderBytes, place)
}

async function attributeValue(
  volume: ExtVolume,
  owner: Inode,
  { value, valueInode, valueBytes }: StoredAttribute,
  readContent: ReadContent,
  options: CallOptions,
): Promise<Uint8Array> {
  if (valueInode === 0) return value
  if (valueBytes > largestValueBytes)
    throw new FilesystemError('limit', `An extended attribute claims ${valueBytes} bytes.`, { inode: owner.number })
  const inode = await volume.inode(valueInode, options)
  const into = new Uint8Array(valueBytes)
  await readContent(inode, into, options)
  return into
}
