import { fields } from '../bytes/fields.js'
import { corrupt } from '../image/image-error.js'
import { sectorBytes } from './sectors.js'
import { tooLarge, unsupported } from './vmdk-error.js'

/** Header of a hosted sparse extent (5.0, "Hosted Sparse Extents", "Hosted Sparse Extent Header"). */
export interface HostedHeader {
  readonly version: number
  /** Size of the extent in sectors. */
  readonly capacity: number
  readonly grainSectors: number
  readonly entriesPerTable: number
  /** First sector and length of the embedded descriptor; 0 where there is none. */
  readonly descriptorSector: number
  readonly descriptorSectors: number
  /** First sector of the grain directory; `undefined` for one that the footer names. */
  readonly directorySector: number | undefined
  /** First sector of the redundant grain directory; absent when it is not used. */
  readonly redundantSector?: number
  /** Sectors before the first grain. */
  readonly overheadSectors: number
  readonly zeroedGrains: boolean
  readonly compressed: boolean
  /** Set while the extent is open for writing: its writer died. */
  readonly uncleanShutdown: boolean
}

/** `KDMV` in the file. */
export const hostedMagic = 0x564d444b

/** Bytes of the header, which fills a sector. */
export const hostedHeaderBytes = sectorBytes

/** Fields of the header by their places. */
export const hostedFields = {
  magic: 0,
  version: 4,
  flags: 8,
  capacity: 12,
  grainSectors: 20,
  descriptorSector: 28,
  descriptorSectors: 36,
  entriesPerTable: 44,
  redundantSector: 48,
  directorySector: 56,
  overheadSectors: 64,
  uncleanShutdown: 72,
  newlines: 73,
  compression: 77,
} as const

/** Flags of the header; those above bit 15 must be understood by whoever reads the extent. */
export const hostedFlags = {
  newlines: 1,
  redundantDirectory: 2,
  zeroedGrains: 4,
  compressed: 0x1_0000,
  markers: 0x2_0000,
} as const
const mustUnderstand = 0xffff_0000

/** Stands in place of the directory's sector where the footer has it. */
export const directoryAtEnd = 0xffff_ffff_ffff_ffffn

/** Shows whether a transfer in text mode changed line ends: LF, space, CR, LF. */
export const newlineTest = [0x0a, 0x20, 0x0d, 0x0a] as const

/** The one way in which grains are compressed: zlib (RFC 1950). */
export const deflateCompression = 1

/** Grain sizes and table lengths that are read: more than any product makes, little enough for memory. */
const grainSectorsLimit = 32_768
const entriesRange = { least: 128, most: 4096 }

/** @throws ImageError `corrupt`, `unsupported`, `limit` */
export function parseHostedHeader(bytes: Uint8Array, file: string): HostedHeader {
  const { u8, u16, u32, u64, bits64 } = fields(bytes, 'little', file)
  const at = hostedFields
  if (u32(at.magic) !== hostedMagic) throw corrupt('it has no header of a hosted sparse extent (KDMV)', file, 0)
  const [version, flags, compression] = [u32(at.version), u32(at.flags), u16(at.compression)]
  if (version < 1 || version > 3) throw unsupported(`its header has version ${version}`, file, 'Known are 1, 2 and 3.')
  if ((flags & hostedFlags.newlines) !== 0 && newlineTest.some((byte, i) => u8(at.newlines + i) !== byte))
    throw corrupt('a transfer in text mode changed its line ends: transfer it again in binary mode', file, at.newlines)
  const compressed = parseCompression(flags, compression, file)
  const capacity = u64(at.capacity)
  const grainSectors = u64(at.grainSectors)
  const entriesPerTable = u32(at.entriesPerTable)
  // A header without capacity only carries a descriptor.
  if (capacity > 0) {
    if (!Number.isSafeInteger(capacity * sectorBytes))
      throw tooLarge(`its header claims ${capacity} sectors`, file, 'No product makes disks of that size.')
    assertGrainSectors(grainSectors, file)
    if (!isPowerOfTwo(entriesPerTable) || entriesPerTable < entriesRange.least || entriesPerTable > entriesRange.most)
      throw unsupported(
        `its grain tables have ${entriesPerTable} entries`,
        file,
        `Read are powers of two from ${entriesRange.least} to ${entriesRange.most}; every known product writes 512.`,
      )
  }
  const directory = bits64(at.directorySector)
  return {
    version,
    capacity,
    grainSectors,
    entriesPerTable,
    descriptorSector: u64(at.descriptorSector),
    descriptorSectors: u64(at.descriptorSectors),
    directorySector: directory === directoryAtEnd ? undefined : u64(at.directorySector),
    ...((flags & hostedFlags.redundantDirectory) !== 0 && { redundantSector: u64(at.redundantSector) }),
    overheadSectors: u64(at.overheadSectors),
    zeroedGrains: (flags & hostedFlags.zeroedGrains) !== 0,
    compressed,
    uncleanShutdown: u8(at.uncleanShutdown) !== 0,
  }
}

/** Checks the grain size of any kind of sparse extent. @throws ImageError `corrupt`, `limit` */
export function assertGrainSectors(grainSectors: number, file: string): void {
  if (!isPowerOfTwo(grainSectors)) throw corrupt(`its grains have ${grainSectors} sectors, no power of two`, file)
  if (grainSectors > grainSectorsLimit)
    throw tooLarge(
      `its grains have ${grainSectors} sectors`,
      file,
      `At most ${grainSectorsLimit} are read; VMware writes 128.`,
    )
}

function isPowerOfTwo(value: number): boolean {
  return value >= 1 && Number.isInteger(Math.log2(value))
}

function parseCompression(flags: number, compression: number, file: string): boolean {
  const compressed = (flags & hostedFlags.compressed) !== 0
  const markers = (flags & hostedFlags.markers) !== 0
  const unknown = (flags & mustUnderstand & ~(hostedFlags.compressed | hostedFlags.markers)) >>> 0
  if (unknown !== 0)
    throw unsupported(
      `its header has unknown flags 0x${unknown.toString(16)}`,
      file,
      'Export the disk again as OVF with a current product.',
    )
  if (compressed !== markers)
    throw unsupported(
      `its grains are ${compressed ? 'compressed without markers' : 'marked without being compressed'}, as VMware ACE did`,
      file,
      'Convert the disk with the product that made it.',
    )
  if (compressed ? compression !== deflateCompression : compression !== 0)
    throw unsupported(
      `its header states the compression ${compression} ${compressed ? 'for' : 'without'} compressed grains`,
      file,
      'Only deflate (1) is known.',
    )
  return compressed
}
