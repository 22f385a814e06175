import { crc32c, crc32cOfNumber } from '../bytes/crc32c.js'
import { fields } from '../bytes/fields.js'
import type { VolumeReader } from '../bytes/volume-reader.js'
import type { CallOptions } from '../filesystem.js'
import { damaged } from '../filesystem-error.js'
import { compatible, readOnlyCompatible } from './features.js'
import type { Superblock } from './superblock.js'

/** Reads from a group's descriptor in which block its inodes begin. @throws FilesystemError `damaged` */
export async function inodeTableBlock(
  reader: VolumeReader,
  superblock: Superblock,
  group: number,
  options: CallOptions,
): Promise<number> {
  const { blockBytes, descriptorBytes, checksumSeed } = superblock
  const perBlock = blockBytes / descriptorBytes
  const block = descriptorBlock(superblock, Math.floor(group / perBlock))
  const offset = block * blockBytes + (group % perBlock) * descriptorBytes
  const bytes = await reader.structure(offset, descriptorBytes, `the descriptor of group ${group}`, options)
  const raw = fields(bytes, 'little', `the descriptor of group ${group}`, { offset })
  const table = raw.u32(8) + (descriptorBytes >= 64 ? raw.u32(0x28) * 2 ** 32 : 0)
  if (checksumSeed !== undefined) {
    const claimed = raw.u16(0x1e)
    bytes.fill(0, 0x1e, 0x20)
    if ((crc32c(crc32cOfNumber(checksumSeed, group), bytes) & 0xffff) !== claimed)
      throw damaged(`the checksum of the descriptor of group ${group} is wrong`, { offset })
  }
  if (table === 0 || table >= superblock.blockCount)
    throw damaged(`the descriptor of group ${group} puts its inodes into block ${table}`, { offset })
  return table
}

/** Block that holds the descriptors with this number; kernel: descriptor_loc. */
function descriptorBlock(superblock: Superblock, index: number): number {
  const { blockBytes, descriptorBytes, blocksPerGroup, firstDataBlock, firstMetaGroup } = superblock
  const superblockAt = Math.floor(1024 / blockBytes)
  if (index < firstMetaGroup) return superblockAt + 1 + index
  const group = index * (blockBytes / descriptorBytes)
  // With blocks of 1 KiB that are counted from 0 (bigalloc), the first group has the boot block as well.
  const beforeIt = index === 0 && blockBytes === 1024 && firstDataBlock === 0 ? 1 : 0
  return firstDataBlock + group * blocksPerGroup + (hasSuperblock(superblock, group) ? 1 : 0) + beforeIt
}

function hasSuperblock({ features, backupGroups }: Superblock, group: number): boolean {
  if (group === 0) return true
  if ((features.compatible & compatible.sparseSuper2) !== 0) return backupGroups.includes(group)
  if (group === 1 || (features.readOnly & readOnlyCompatible.sparseSuper) === 0) return true
  return [3, 5, 7].some((base) => isPowerOf(base, group))
}

function isPowerOf(base: number, value: number): boolean {
  let power = base
  while (power < value) power *= base
  return power === value
}
