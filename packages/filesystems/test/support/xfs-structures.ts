import { structureChecksum } from '../../src/xfs/checksum.js'
import type { Structure } from './hostile-volume.js'

/** Structures of version 5 by how they begin: a magic number at a byte, and where the checksum is. */
const kinds = [
  { magicAt: 0, magic: 'XDB3', checksumAt: 4 },
  { magicAt: 0, magic: 'XDD3', checksumAt: 4 },
  { magicAt: 0, magic: 'BMA3', checksumAt: 64 },
  { magicAt: 0, magic: 'XSLM', checksumAt: 12 },
  { magicAt: 0, magic: 'XARM', checksumAt: 12 },
  { magicAt: 8, magic: ';\xee', checksumAt: 12 },
  { magicAt: 8, magic: '>\xbe', checksumAt: 12 },
] as const
const coreChecksumAt = 100

/** Finds the structures of a volume of version 5 whose directory blocks are in one piece each: superblock, inodes in use, blocks of metadata. */
export function xfsStructures(
  bytes: Uint8Array,
  {
    blockBytes,
    inodeBytes,
    directoryBlockBytes,
  }: { readonly blockBytes: number; readonly inodeBytes: number; readonly directoryBlockBytes: number },
): readonly Structure[] {
  const found: Structure[] = [structure(0, 512, 224)]
  for (let offset = blockBytes; offset < bytes.byteLength; offset += blockBytes) {
    const kind = kinds.find(({ magicAt, magic }) => isAt(bytes, offset + magicAt, magic))
    if (kind !== undefined)
      found.push(structure(offset, kind.magic.startsWith('XD') ? directoryBlockBytes : blockBytes, kind.checksumAt))
    if (!isAt(bytes, offset, 'IN')) continue
    for (let at = offset; at < offset + blockBytes; at += inodeBytes)
      if ((bytes[at + 2] ?? 0) !== 0) found.push(structure(at, inodeBytes, coreChecksumAt))
  }
  return found
}

function structure(offset: number, length: number, checksumAt: number): Structure {
  const seal = (part: Uint8Array) =>
    new DataView(part.buffer, part.byteOffset).setUint32(checksumAt, structureChecksum(part, checksumAt), true)
  return { offset, length, seal }
}

function isAt(bytes: Uint8Array, offset: number, magic: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, magic.length).toString('latin1') === magic
}
