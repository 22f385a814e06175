import type { CallOptions } from '../filesystem.js'
import { FilesystemError } from '../filesystem-error.js'
import { nameFromBytes } from '../names/name-bytes.js'
import { openContent } from './content.js'
import type { ExtVolume } from './ext-volume.js'
import { type Inode, inodeFlags } from './inode.js'

const longestBytes = 65_536

/** Reads where a symbolic link leads: a short one is in the inode, where block numbers would be. */
export async function readSymlink(volume: ExtVolume, inode: Inode, options: CallOptions): Promise<string> {
  const { sizeBytes, number, block, flags } = inode
  if (sizeBytes > longestBytes)
    throw new FilesystemError('limit', `The symbolic link ${number} claims ${sizeBytes} bytes.`, { inode: number })
  const inline = (flags & (inodeFlags.inlineData | inodeFlags.encrypted)) !== 0
  if (!inline && sizeBytes < block.byteLength && ownBlocks(volume, inode) === 0)
    return textOf(block.subarray(0, sizeBytes))
  const target = new Uint8Array(sizeBytes)
  const file = openContent(volume, inode)
  await file.read(0, target, options)
  return textOf(target)
}

/** Sectors that the content takes, without the block of extended attributes. */
function ownBlocks({ superblock: { blockBytes } }: ExtVolume, { blockCount, attributeBlock }: Inode): number {
  return blockCount - (attributeBlock === 0 ? 0 : blockBytes / 512)
}

/** The names of a target are escaped as all names are; what parts them is not. */
function textOf(target: Uint8Array): string {
  const parts: string[] = []
  let from = 0
  for (let at = 0; at <= target.byteLength; at++) {
    if (at < target.byteLength && target[at] !== 0x2f) continue
    parts.push(nameFromBytes(target.subarray(from, at)))
    from = at + 1
  }
  return parts.join('/')
}
