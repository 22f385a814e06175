import type { VolumeReader } from './bytes/volume-reader.js'
import { volumeReader } from './bytes/volume-reader.js'
import { isSuperblock, superblockOffset } from './ext/superblock.js'
import { isFatBootSector } from './fat/boot-sector.js'
import type { ByteSource, CallOptions, FilesystemKind } from './filesystem.js'

/** What the bytes of a disk or partition are. */
export type Recognised =
  /** A file system that is read. */
  | { readonly is: 'filesystem'; readonly kind: FilesystemKind }
  /** Something that is not read, with its name. */
  | { readonly is: 'foreign'; readonly name: string }
  /** Nothing that is known. */
  | { readonly is: 'unknown' }

interface Signature {
  readonly name: string
  readonly offset: number
  readonly bytes: string
}

/** Things that are found on disks and not read. The order matters only where one contains another. */
const foreign: readonly Signature[] = [
  { name: 'exFAT', offset: 3, bytes: 'EXFAT   ' },
  { name: 'a volume encrypted with BitLocker', offset: 3, bytes: '-FVE-FS-' },
  { name: 'ReFS', offset: 3, bytes: 'ReFS\0' },
  { name: 'a volume encrypted with LUKS', offset: 0, bytes: 'LUKS\xba\xbe' },
  ...[0, 512, 1024, 1536].map((offset) => ({ name: 'a physical volume of LVM', offset, bytes: 'LABELONE' })),
  { name: 'a member of a Linux software RAID', offset: 4096, bytes: '\xfc\x4e\x2b\xa9' },
  { name: 'a member of a Linux software RAID', offset: 0, bytes: '\xfc\x4e\x2b\xa9' },
  { name: 'Btrfs', offset: 65_600, bytes: '_BHRfS_M' },
  { name: 'F2FS', offset: 1024, bytes: '\x10\x20\xf5\xf2' },
  { name: 'APFS', offset: 32, bytes: 'NXSB' },
  { name: 'HFS+', offset: 1024, bytes: 'H+\0\x04' },
  { name: 'HFS+', offset: 1024, bytes: 'HX\0\x05' },
  { name: 'ISO 9660', offset: 32_769, bytes: 'CD001' },
  { name: 'SquashFS', offset: 0, bytes: 'hsqs' },
  { name: 'JFS', offset: 32_768, bytes: 'JFS1' },
  { name: 'ReiserFS', offset: 65_588, bytes: 'ReIsEr' },
  { name: 'Linux swap space', offset: 4086, bytes: 'SWAPSPACE2' },
]

/** Recognises what is on a disk or partition by its signatures, without reading more. @throws FilesystemError `read` */
export async function recognise(source: ByteSource, options: CallOptions): Promise<Recognised> {
  const reader = volumeReader(source)
  const has = (offset: number, bytes: string) => hasBytes(reader, offset, bytes, options)
  if (await has(3, 'NTFS    ')) return { is: 'filesystem', kind: 'ntfs' }
  if (await has(0, 'XFSB')) return { is: 'filesystem', kind: 'xfs' }
  for (const { name, offset, bytes } of foreign) if (await has(offset, bytes)) return { is: 'foreign', name }
  if (isFatBootSector(await start(reader, 0, 512, options))) return { is: 'filesystem', kind: 'fat' }
  if (isSuperblock(await start(reader, superblockOffset, 64, options))) return { is: 'filesystem', kind: 'ext' }
  return { is: 'unknown' }
}

async function hasBytes(reader: VolumeReader, offset: number, bytes: string, options: CallOptions): Promise<boolean> {
  const found = await start(reader, offset, bytes.length, options)
  return found.byteLength > 0 && String.fromCharCode(...found) === bytes
}

/** Bytes of a volume, or none where it is too small. */
async function start(reader: VolumeReader, offset: number, length: number, options: CallOptions): Promise<Uint8Array> {
  if (offset + length > reader.sizeBytes) return new Uint8Array(0)
  return await reader.structure(offset, length, 'the start of the volume', options)
}
