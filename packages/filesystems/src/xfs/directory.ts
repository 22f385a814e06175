import type { CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { blockRecords } from './directory-block.js'
import type { DirectoryRecord } from './directory-record.js'
import { forkExtents } from './fork-extents.js'
import type { Inode } from './inode.js'
import { shortformRecords } from './shortform-directory.js'
import type { XfsVolume } from './volume.js'

/** Byte of a directory at which its hash index begins: it is a file with a part for each purpose. */
const indexStartBytes = 32 * 2 ** 30

/** Yields the entries of a directory as they are stored, without `.` and `..`. @throws FilesystemError `damaged`, `read` */
export async function* directoryRecords(
  volume: XfsVolume,
  directory: Inode,
  options: CallOptions,
): AsyncGenerator<DirectoryRecord, void, undefined> {
  const { version, hasFileTypes } = volume.superblock
  const { number: inode, data } = directory
  if (data.format === 'local') {
    yield* shortformRecords(data.bytes, { inode, hasFileTypes })
    return
  }
  for await (const { bytes, offset } of directoryBlocks(volume, directory, options))
    for (const record of blockRecords(bytes, { version, hasFileTypes, place: { inode, offset } }))
      if (record.name !== '.' && record.name !== '..') yield record
}

/** Yields the blocks that hold entries. A directory that claims more of them than the volume has is damaged. */
async function* directoryBlocks(
  volume: XfsVolume,
  { number: inode, data }: Inode,
  options: CallOptions,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly offset: number }> {
  const { blockBytes, directoryBlockBytes, blocks } = volume.superblock
  const perBlock = directoryBlockBytes / blockBytes
  const range = { start: 0, end: indexStartBytes / blockBytes }
  let seen = 0
  let parts: Uint8Array[] = []
  let offset = 0
  let next = 0
  for await (const extent of forkExtents(volume, data, { inode, range }, options)) {
    seen += extent.count
    if (seen > blocks) throw damaged(`directory ${inode} is larger than its volume`, { inode })
    // A block of a directory may lie in extents that are apart, but none of it may be missing.
    let at = extent.start
    while (at < extent.start + extent.count) {
      options.signal.throwIfAborted()
      const missing = perBlock - (at % perBlock)
      if (parts.length === 0 ? missing !== perBlock : at !== next) throw incomplete(inode)
      const count = Math.min(missing, extent.start + extent.count - at)
      const block = extent.block + (at - extent.start)
      const place = { inode }
      if (parts.length === 0) offset = volume.byteOf(block, count, place)
      parts.push(await volume.blocks({ block, count, what: `directory ${inode}`, place }, options))
      at += count
      next = at
      if (count < missing) continue
      yield { bytes: parts.length === 1 ? (parts[0] ?? new Uint8Array()) : joined(parts), offset }
      parts = []
    }
  }
  if (parts.length > 0) throw incomplete(inode)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.byteLength
  }
  return all
}

function incomplete(inode: number) {
  return damaged(`a block of directory ${inode} is incomplete`, { inode })
}
