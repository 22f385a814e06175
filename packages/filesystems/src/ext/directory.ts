import type { CallOptions } from '../filesystem.js'
import { FilesystemError, unsupported } from '../filesystem-error.js'
import { inlineContent, openContent } from './content.js'
import { type Dirent, type DirentForm, dirents } from './dirents.js'
import { type ExtVolume, inodeSeed } from './ext-volume.js'
import { incompatible } from './features.js'
import { type Inode, inodeFlags } from './inode.js'

const largestBytes = 2 ** 32
const batchBytes = 65_536
/** An inline directory begins with its parent's inode, in the place of `.` and `..`. */
const inlineParentBytes = 4
const inlineFirstBytes = 60

/**
 * Yields what a directory holds, without `.` and `..`. Holes hold nothing.
 *
 * @throws FilesystemError `damaged`, `unsupported` where names are encrypted, `limit`
 */
export async function* readDirectory(volume: ExtVolume, inode: Inode, options: CallOptions): AsyncIterable<Dirent> {
  const form = formOf(volume, inode)
  const { seed: _seed, ...withoutSum } = form
  const isIndexed = (inode.flags & inodeFlags.index) !== 0
  let isFirst = true
  for await (const block of blocks(volume, inode, options)) {
    options.signal.throwIfAborted()
    // The root of an index may still end as the block of entries did that it was made from; its checksum is another one.
    for (const dirent of dirents(block, isIndexed && isFirst ? withoutSum : form, { inode: inode.number }))
      if (!isDots(dirent.name)) yield dirent
    isFirst = false
  }
}

function formOf({ superblock: { features, checksumSeed } }: ExtVolume, inode: Inode): DirentForm {
  const inline = (inode.flags & inodeFlags.inlineData) !== 0
  return {
    typed: (features.incompatible & incompatible.filetype) !== 0,
    ...(checksumSeed !== undefined && !inline && { seed: inodeSeed(checksumSeed, inode) }),
  }
}

async function* blocks(volume: ExtVolume, inode: Inode, options: CallOptions): AsyncIterable<Uint8Array> {
  const place = { inode: inode.number }
  if ((inode.flags & inodeFlags.encrypted) !== 0)
    throw unsupported(`the names in directory ${inode.number} are encrypted (fscrypt)`, place)
  if ((inode.flags & inodeFlags.inlineData) !== 0) {
    const content = inlineContent(inode)
    yield content.subarray(inlineParentBytes, inlineFirstBytes)
    yield content.subarray(inlineFirstBytes)
    return
  }
  const { blockBytes, blockCount } = volume.superblock
  const file = openContent(volume, inode)
  // Runs that overlap could make a small volume hold an endless directory.
  let left = Math.min(blockBytes * blockCount, largestBytes)
  const piece = Math.max(batchBytes, blockBytes)
  for await (const { offset, length } of file.dataRanges(options)) {
    left -= length
    if (left < 0)
      throw new FilesystemError('limit', `Directory ${inode.number} claims more blocks than are read.`, place)
    for (let at = offset; at + blockBytes <= offset + length; ) {
      const bytes = new Uint8Array(Math.min(piece, offset + length - at))
      await file.read(at, bytes, options)
      for (let from = 0; from + blockBytes <= bytes.byteLength; from += blockBytes)
        yield bytes.subarray(from, from + blockBytes)
      at += bytes.byteLength
    }
  }
}

function isDots(name: Uint8Array): boolean {
  return name.byteLength <= 2 && name.every((byte) => byte === 0x2e)
}
