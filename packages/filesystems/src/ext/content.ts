import { openInline, openRuns } from '../file/open-runs.js'
import type { OpenFile } from '../filesystem.js'
import { damaged, unsupported } from '../filesystem-error.js'
import { blockMapRuns } from './block-map.js'
import type { ExtVolume } from './ext-volume.js'
import { inlineRest } from './extended-attributes.js'
import { extentRuns } from './extent-tree.js'
import { type Inode, inodeFlags } from './inode.js'

/** Opens the content of an inode, whatever it is the content of. @throws FilesystemError `damaged`, `unsupported` */
export function openContent(volume: ExtVolume, inode: Inode): OpenFile {
  const { flags, number, sizeBytes } = inode
  const place = { inode: number }
  if ((flags & inodeFlags.encrypted) !== 0) throw unsupported(`inode ${number} is encrypted (fscrypt)`, place)
  if ((flags & inodeFlags.inlineData) !== 0) return openInline(inlineContent(inode))
  const runs = (flags & inodeFlags.extents) !== 0 ? extentRuns : blockMapRuns
  return openRuns(volume.reader, {
    sizeBytes,
    runs: (range, options) => runs(volume, inode, range, options),
    place,
  })
}

/** Content that is in the inode itself: 60 bytes in the place of block numbers, the rest an extended attribute. */
export function inlineContent(inode: Inode): Uint8Array {
  const rest = inlineRest(inode)
  const { sizeBytes, block, number } = inode
  if (sizeBytes > block.byteLength + rest.byteLength)
    throw damaged(`inode ${number} claims ${sizeBytes} bytes, but holds ${block.byteLength + rest.byteLength}`, {
      inode: number,
    })
  const content = new Uint8Array(sizeBytes)
  content.set(block.subarray(0, sizeBytes))
  if (sizeBytes > block.byteLength) content.set(rest.subarray(0, sizeBytes - block.byteLength), block.byteLength)
  return content
}
