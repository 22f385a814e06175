import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged, type Place } from '../filesystem-error.js'
import type { Superblock } from './superblock.js'

/** An XFS volume, read by block numbers. */
export interface XfsVolume {
  readonly reader: VolumeReader
  readonly superblock: Superblock
  /** Byte at which blocks lie. A block number has the allocation group in its upper bits. @throws FilesystemError `damaged` */
  readonly byteOf: (block: number, count: number, place: Place) => number
  /** Reads blocks of metadata. @throws FilesystemError `damaged`, `limit`, `read` */
  readonly blocks: (wanted: WantedBlocks, options: CallOptions) => Promise<Uint8Array>
}

/** Blocks of metadata, and what they are for errors. */
export interface WantedBlocks {
  readonly block: number
  readonly count: number
  readonly what: string
  readonly place: Place
}

/** Joins a reader and the superblock that it read. */
export function xfsVolume(reader: VolumeReader, superblock: Superblock): XfsVolume {
  const { agBlockBits, agBlocks, blocks, blockBytes } = superblock
  const byteOf = (block: number, count: number, place: Place) => {
    const group = Math.floor(block / 2 ** agBlockBits)
    const within = block % 2 ** agBlockBits
    const first = group * agBlocks + within
    if (count < 1 || within + count > agBlocks || first + count > blocks)
      throw damaged(`${count} blocks at ${within} of allocation group ${group} are not there`, place)
    return first * blockBytes
  }
  return {
    reader,
    superblock,
    byteOf,
    blocks: ({ block, count, what, place }, options) =>
      reader.structure(byteOf(block, count, place), count * blockBytes, what, options),
  }
}
